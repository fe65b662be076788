// What a ready par answers, what happens when its worker dies, and how it ends.

#include <signal.h>

#include <algorithm>
#include <set>

#include "model/health.hpp"
#include "net/grpc.hpp"
#include "par/testing/runtime_fixture.hpp"
#include "par/worker/agent.hpp"
#include "pixell/agent.pb.h"

namespace pixell::par {
namespace {

using nlohmann::json;

class ServingRuntime : public RuntimeTest {
 protected:
  ServingRuntime() {
    script = {{"manifest",
               {{"description", "a test"},
                {"rest", {{"entry", "app:mount"}}},
                {"a2a", {{"entry", "svc:make"}}},
                {"ui", {{"path", "ui"}}}}},
              {"dotenv", {{"FROM_DOTENV", "yes"}}},
              {"worker", {{"handlers", {"echo", "text", "fail", "die", "never"}}}}};
    write("ui/index.html", "<p>page</p>");
    write("ui/app.js", "run()");
    write(".env", "SECRET=x");
    more = {{"BASE_PATH", "/agents/a1"}};
  }
  void serve() {
    start();
    run_until_ready();
  }
  ::pixell::agent::ActionResult invoke(const std::string& action) {
    const Reply& reply =
        ask_grpc("/agents/a1/a2a/pixell.agent.AgentService/Invoke", request_for(action));
    EXPECT_EQ(reply.grpc_status(), "0");
    ::pixell::agent::ActionResult result;
    EXPECT_TRUE(result.ParseFromString(reply.body.substr(5)));
    return result;
  }
  static std::string request_for(const std::string& action) {
    ::pixell::agent::ActionRequest request;
    request.set_action(action);
    request.set_request_id("r1");
    (*request.mutable_parameters())["b"] = "2";
    return request.SerializeAsString();
  }
};

TEST_F(ServingRuntime, AnswersTheBuiltInEndpoints) {
  serve();

  const json health = ask("GET", "/agents/a1/health").json();
  EXPECT_EQ(health["ok"], true);
  EXPECT_EQ(health["surfaces"], (json{{"rest", true}, {"a2a", true}, {"ui", true}}));
  EXPECT_TRUE(health["timestamp"].is_number_integer());
  EXPECT_EQ(health["status"], "healthy");  // what /agents/{id}/health says, in the same body
  EXPECT_EQ(health["agentId"], "a1");
  EXPECT_FALSE(ask("GET", "/health").json().contains("timestamp"));
  EXPECT_EQ(ask("GET", "/agents/b2/health").status, 404);
  EXPECT_EQ(ask("GET", "/agents/a1/a2a/health").json()["ok"], true);
  EXPECT_EQ(ask("GET", "/ui/health").json()["ok"], true);
  const json meta = ask("GET", "/agents/a1/meta").json();
  EXPECT_EQ(meta["name"], "fake");
  EXPECT_EQ(meta["surfaces"], (json{{"rest", true}, {"a2a", true}, {"ui", true}}));
  EXPECT_TRUE(meta["boot_stats"]["phases_ms"].contains("install"));
  EXPECT_EQ(ask("GET", "/agents/a1/").json()["service"], "Pixell Agent Runtime");
  const Reply& redirect = ask("GET", "/agents/a1?x=1");
  EXPECT_EQ(redirect.status, 307);
  EXPECT_EQ(redirect.headers.get("location"), "/agents/a1/?x=1");
  EXPECT_EQ(ask("GET", "/agents/a1/ui-config.json").json()["apiBase"], "/agents/a1/api");
}

TEST_F(ServingRuntime, PassesRequestsToTheAgentUnchanged) {
  serve();

  const json hello =
      ask("GET", "/agents/a1/api/hello?q=1", {{"x-forwarded-for", "1.2.3.4"}}).json();
  EXPECT_EQ(hello["path"], "/agents/a1/api/hello?q=1");
  EXPECT_EQ(hello["headers"]["x-forwarded-for"], "1.2.3.4");
  EXPECT_EQ(ask("POST", "/api/echo", {}, "some body").json()["body"], "some body");
  EXPECT_EQ(ask("GET", "/agents/a1/api/missing").status, 404);
  EXPECT_EQ(ask("GET", "/agents/a1/agents/a1/api/hello").status, 404);
  const json env = ask("GET", "/api/env").json();
  EXPECT_EQ(env["FROM_DOTENV"], "yes");
  EXPECT_EQ(env["AGENT_APP_ID"], "a1");
  EXPECT_FALSE(env.contains("AGENT_PACKAGE_PATH"));
}

TEST_F(ServingRuntime, ServesTheUiBesideTheApi) {
  serve();

  EXPECT_EQ(ask("GET", "/agents/a1/", {{"accept", "text/html"}}).body, "<p>page</p>");
  EXPECT_EQ(ask("GET", "/agents/a1/app.js").body, "run()");
  EXPECT_EQ(ask("GET", "/agents/a1/ui/").body, "<p>page</p>");
  EXPECT_EQ(ask("GET", "/agents/a1/settings", {{"accept", "text/html"}}).body, "<p>page</p>");
  EXPECT_EQ(ask("GET", "/agents/a1/settings").status, 404);
  EXPECT_EQ(ask("GET", "/agents/a1/api/x", {{"accept", "text/html"}}).status, 404);
  EXPECT_EQ(ask("GET", "/agents/a1/../.env").status, 404);
  EXPECT_EQ(ask("GET", "/agents/a1/.env").status, 404);

  const Reply& first = ask("GET", "/agents/a1/app.js");
  const std::string etag(*first.headers.get("etag"));
  const Reply& again = ask("GET", "/agents/a1/app.js", {{"if-none-match", etag}});
  EXPECT_EQ(again.status, 304);
  EXPECT_TRUE(again.body.empty());
  EXPECT_TRUE(ask("HEAD", "/agents/a1/app.js").body.empty());
}

TEST_F(ServingRuntime, StreamsFilesThatAreNotKeptInMemory) {
  const std::string large(3'000'000, 'l');
  write("ui/large.bin", large);
  serve();

  EXPECT_EQ(ask("GET", "/agents/a1/large.bin").body, large);
}

TEST_F(ServingRuntime, AllowsEveryOrigin) {
  serve();

  const Reply& preflight = ask("OPTIONS", "/agents/a1/api/hello",
                               {{"origin", "https://ui.example"},
                                {"access-control-request-method", "POST"},
                                {"access-control-request-headers", "x-own"}});
  EXPECT_EQ(preflight.status, 200);
  EXPECT_EQ(preflight.headers.get("access-control-allow-origin"), "https://ui.example");
  EXPECT_EQ(preflight.headers.get("access-control-allow-headers"), "x-own");
  for (const char* path : {"/health", "/agents/a1/api/hello", "/agents/a1/app.js"}) {
    const Reply& reply = ask("GET", path, {{"origin", "https://ui.example"}});
    EXPECT_EQ(reply.headers.get("access-control-allow-origin"), "https://ui.example") << path;
    EXPECT_EQ(reply.headers.get("access-control-allow-credentials"), "true") << path;
  }
  EXPECT_FALSE(ask("GET", "/health").headers.has("access-control-allow-origin"));
}

TEST_F(ServingRuntime, AnswersGrpcUnderEveryPrefix) {
  serve();

  for (const char* prefix : {"", "/agents/a1/a2a", "/agents/a1", "/agents/short/a2a"}) {
    const Reply& reply = ask_grpc(std::string(prefix) + "/pixell.agent.AgentService/Ping", "");
    EXPECT_EQ(reply.grpc_status(), "0") << prefix;
    ::pixell::agent::Pong pong;
    ASSERT_TRUE(pong.ParseFromString(reply.body.substr(5)));
    EXPECT_EQ(pong.message(), "pong");
  }
  EXPECT_EQ(ask_grpc("/grpc.health.v1.Health/Check", "").body.substr(5), "\x08\x01");
  EXPECT_EQ(ask_grpc("/pixell.agent.AgentService/Nothing", "").grpc_status(), "12");
  const Reply& capabilities = ask_grpc("/pixell.agent.AgentService/DescribeCapabilities", "");
  ::pixell::agent::Capabilities message;
  ASSERT_TRUE(message.ParseFromString(capabilities.body.substr(5)));
  EXPECT_EQ(message.methods_size(), 4);
  EXPECT_EQ(message.metadata().at("description"), "a test");
}

TEST_F(ServingRuntime, CallsHandlers) {
  serve();

  auto result = invoke("echo");
  EXPECT_TRUE(result.success());
  EXPECT_EQ(result.result(), R"({"b":"2"})");
  EXPECT_EQ(result.request_id(), "r1");
  EXPECT_EQ(invoke("text").result(), "plain text");
  result = invoke("fail");
  EXPECT_FALSE(result.success());
  EXPECT_EQ(result.error(), "it went wrong");
  EXPECT_EQ(invoke("nothing").error(), "No handler found for action: nothing");
}

TEST_F(ServingRuntime, EndsACallAtItsDeadlineAndTellsTheAgent) {
  serve();

  const Reply& reply = ask_grpc("/pixell.agent.AgentService/Invoke", request_for("never"),
                                {{"grpc-timeout", "50m"}});

  EXPECT_EQ(reply.grpc_status(), "4");
  run_until([this] { return exists("cancelled"); });
}

TEST_F(ServingRuntime, CancelsACallWhoseClientWentAway) {
  serve();
  Reply& reply = send_grpc("/pixell.agent.AgentService/Invoke", request_for("never"));
  // An answered call behind it proves that the first one has arrived.
  EXPECT_TRUE(invoke("echo").success());

  std::exchange(reply.stream, nullptr)->reset(net::ResetCode::Cancel);

  run_until([this] { return exists("cancelled"); });
}

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
  more["STARTUP_TIMEOUT_SEC"] = "3";
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

TEST_F(ServingRuntime, StopsAfterTheLastRequest) {
  serve();
  Reply& running = send("GET", "/agents/a1/api/wait");
  run_until([this] { return exists("waiting"); });

  ASSERT_EQ(::kill(::getpid(), SIGTERM), 0);
  run_until([this] { return !runtime->view().is_ready; });
  EXPECT_EQ(ask("GET", "/health").status, 503);  // still answers, and says so
  EXPECT_EQ(report("state.json")["phase"], "draining");
  EXPECT_EQ(ask("GET", "/api/hello").status, 200);
  write("release", "");
  run_until([&running] { return running.is_over; });

  EXPECT_EQ(running.status, 200);
  EXPECT_EQ(run_to_end(), 0);
  EXPECT_EQ(report("exit.json")["code"], 0);
  EXPECT_FALSE(report("exit.json").contains("failure"));
  EXPECT_EQ(report("state.json")["phase"], "stopped");
  EXPECT_TRUE(exists("drained"));
  EXPECT_FALSE(exists("../instance/work"));
}

TEST_F(ServingRuntime, EndsWhatOutlivesTheGraceWithAnError) {
  more["GRACEFUL_SHUTDOWN_TIMEOUT_SEC"] = "0.1";
  serve();
  Reply& running = send("GET", "/agents/a1/api/wait");
  run_until([this] { return exists("waiting"); });

  runtime->stop(SIGTERM);

  EXPECT_EQ(run_to_end(), 0);
  run_until([&running] { return running.is_over; });
  EXPECT_EQ(running.status, 502);
  EXPECT_EQ(running.json()["error"], "agent_lost");
}

TEST_F(ServingRuntime, EndsAllWithAnErrorAtTheSecondSignal) {
  serve();
  Reply& running = send("GET", "/agents/a1/api/wait");
  run_until([this] { return exists("waiting"); });

  runtime->stop(SIGTERM);
  runtime->stop(SIGTERM);

  EXPECT_EQ(run_to_end(), 0);
  run_until([&running] { return running.is_over; });
  EXPECT_EQ(running.status, 502);
  EXPECT_EQ(running.json()["error"], "agent_lost");
}

TEST_F(RuntimeTest, PassesEverythingElseToAnOwnServer) {
  script = {{"manifest", {{"http_server", "main:app"}}}};
  more = {{"BASE_PATH", "/agents/a1"}};
  start();
  run_until_ready();

  EXPECT_EQ(ask("POST", "/agents/a1/a2a/respond?x=1", {}, "b").json()["path"], "/respond?x=1");
  EXPECT_EQ(ask("POST", "/agents/a1", {}, "b").json()["path"], "/");
  EXPECT_EQ(ask("GET", "/agents/a1/health").json()["ok"], true);
}

}  // namespace
}  // namespace pixell::par
