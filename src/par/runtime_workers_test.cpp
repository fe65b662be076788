// What becomes of requests and calls when a worker of the agent dies, with one worker and several.

#include <algorithm>
#include <set>
#include <string>

#include "model/health.hpp"
#include "par/testing/serving_runtime.hpp"
#include "par/worker/agent.hpp"

namespace pixell::par {
namespace {

using nlohmann::json;

TEST_F(ServingRuntime, RestartsAWorkerThatDied) {
  serve();
  const json before = ask("GET", "/api/hello").json();

  Reply& dying = ask("GET", "/agents/a1/api/die");
  EXPECT_EQ(dying.status, 502);
  EXPECT_EQ(dying.json()["error"], "agent_lost");
  EXPECT_TRUE(dying.headers.has(model::kAgentLostHeader));
  EXPECT_FALSE(dying.headers.has(model::kNotReadyHeader)) << "the agent had it";
  run_until([this] { return !runtime->view().is_ready; });
  EXPECT_EQ(ask("GET", "/health").status, 503);
  const Reply& refused = ask("GET", "/api/hello");
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.headers.get(model::kNotReadyHeader), "worker");
  const Reply& refused_call = ask_grpc("/pixell.agent.AgentService/Invoke", request_for("echo"));
  EXPECT_EQ(refused_call.grpc_status(), "14");
  EXPECT_EQ(refused_call.headers.get(model::kNotReadyHeader), "worker");
  EXPECT_EQ(report("state.json")["ready"], false);

  run_until_ready();
  EXPECT_EQ(report("state.json")["ready"], true);
  EXPECT_NE(ask("GET", "/api/hello").json()["pid"], before["pid"]);
  EXPECT_TRUE(invoke("echo").success());
}

TEST_F(ServingRuntime, EndsARestartThatHangs) {
  script["worker"]["hang_in_life"] = 2;
  more["STARTUP_TIMEOUT_SEC"] = "5";
  serve();

  ask("GET", "/agents/a1/api/die");
  run_until([this] { return !runtime->view().is_ready; });
  run_until_ready();

  EXPECT_EQ(report("state.json")["restarts"], 2);
}

TEST_F(ServingRuntime, EndsCallsOfADeadWorkerAsUnavailable) {
  serve();
  Reply& waiting = send_grpc("/pixell.agent.AgentService/Invoke", request_for("never"));

  const Reply& dying = ask_grpc("/pixell.agent.AgentService/Invoke", request_for("die"));

  EXPECT_EQ(dying.grpc_status(), "14");
  run_until([&waiting] { return waiting.is_over; });
  EXPECT_EQ(waiting.grpc_status(), "14");
}

TEST_F(ServingRuntime, SaysThatACallDidNotReachAWorkerThatHungUp) {
  script["worker"]["hang_in_life"] = 2;
  serve();
  Reply& lost = send_grpc("/pixell.agent.AgentService/Invoke", request_for("hang_up"));
  run_until([this] { return exists("hung_up"); });

  const Reply& call = ask_grpc("/pixell.agent.AgentService/Invoke", request_for("echo"));
  const Reply& rpc = ask("POST", "/agents/a1/a2a", {{"content-type", "application/json"}},
                         R"({"jsonrpc":"2.0","id":1,"method":"echo","params":{}})");

  EXPECT_EQ(call.grpc_status(), "14");
  EXPECT_TRUE(call.headers.has(model::kNotReadyHeader));
  EXPECT_EQ(rpc.status, 503);
  EXPECT_TRUE(rpc.headers.has(model::kNotReadyHeader));
  run_until([&lost] { return lost.is_over; });
  EXPECT_EQ(lost.grpc_status(), "14");
  EXPECT_FALSE(lost.headers.has(model::kNotReadyHeader)) << "the agent had it";
}

class SeveralWorkers : public ServingRuntime {
 protected:
  SeveralWorkers() { more["WORKERS"] = "3"; }
  // The processes that answer `requests` requests, one after the other.
  std::set<int> pids(int requests) {
    std::set<int> found;
    for (int i = 0; i < requests; ++i)
      found.insert(ask("GET", "/api/hello").json()["pid"].get<int>());
    return found;
  }
};

TEST_F(SeveralWorkers, ShareTheRequests) {
  serve();

  EXPECT_EQ(pids(3).size(), 3U);
  EXPECT_EQ(ask("GET", "/agents/a1/meta").json()["workers"], (json{{"configured", 3}, {"up", 3}}));
  EXPECT_TRUE(invoke("echo").success());
}

TEST_F(SeveralWorkers, GoRoundABusyOne) {
  serve();
  Reply& running = send("GET", "/agents/a1/api/wait");
  run_until([this] { return exists("waiting"); });

  EXPECT_EQ(pids(6).size(), 2U);

  write("release", "");
  run_until([&running] { return running.is_over; });
  EXPECT_EQ(pids(3).size(), 3U);
}

TEST_F(SeveralWorkers, AnswerForOneThatDied) {
  serve();
  const auto before = pids(3);

  EXPECT_EQ(ask("GET", "/api/die").json()["error"], "agent_lost");
  run_until([this] { return runtime->view().agent->workers_up() == 2; });
  EXPECT_TRUE(runtime->view().is_ready);
  EXPECT_EQ(report("state.json")["restarts"], 1);
  EXPECT_EQ(ask("GET", "/health").status, 200);
  EXPECT_EQ(pids(4).size(), 2U);

  run_until([this] { return runtime->view().agent->workers_up() == 3; });
  auto after = pids(3);
  EXPECT_EQ(after.size(), 3U);
  EXPECT_EQ(std::ranges::count_if(after, [&](int pid) { return before.contains(pid); }), 2);
}

TEST_F(SeveralWorkers, EndOnlyTheCallsOfTheOneThatDied) {
  serve();
  std::vector<Reply*> waiting;
  for (int i = 0; i < 2; ++i)
    waiting.push_back(&send_grpc("/pixell.agent.AgentService/Invoke", request_for("never")));
  // Behind them: the third has nothing to do yet.
  EXPECT_EQ(ask_grpc("/pixell.agent.AgentService/Invoke", request_for("die")).grpc_status(), "14");

  run_until([this] { return runtime->view().agent->workers_up() == 3; });
  EXPECT_FALSE(waiting[0]->is_over);
  EXPECT_FALSE(waiting[1]->is_over);
}

TEST_F(SeveralWorkers, AreNotReadyWithoutAny) {
  serve();

  for (int i = 0; i < 3; ++i) send("GET", "/api/die");
  run_until([this] { return !runtime->view().is_ready; });
  EXPECT_EQ(ask("GET", "/health").status, 503);

  run_until_ready();
  run_until([this] { return runtime->view().agent->workers_up() == 3; });
  EXPECT_EQ(report("state.json")["restarts"], 3);
}

TEST_F(SeveralWorkers, AllEndWithPar) {
  serve();
  const auto running = pids(3);

  runtime->stop(SIGTERM);

  EXPECT_EQ(run_to_end(), 0);
  for (const int pid : running) EXPECT_NE(::kill(pid, 0), 0) << pid;
}

TEST_F(SeveralWorkers, FailTheBootTogether) {
  script["worker"]["exit"] = 7;
  start();

  EXPECT_EQ(run_to_end(), 13);
  EXPECT_EQ(report("boot_report.json")["failure"]["cause"], "exited");
}

}  // namespace
}  // namespace pixell::par
