// What a ready par answers, and how it ends.

#include <signal.h>

#include <utility>

#include "net/grpc.hpp"
#include "par/testing/serving_runtime.hpp"
#include "par/worker/agent.hpp"

namespace pixell::par {
namespace {

using nlohmann::json;

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

TEST_F(ServingRuntime, TakesTheWorkersDeadlineForItsOwn) {
  serve();

  const Reply& reply =
      ask_grpc("/pixell.agent.AgentService/Invoke", request_for("late"), {{"grpc-timeout", "1H"}});

  EXPECT_EQ(reply.grpc_status(), "4");
}

TEST_F(ServingRuntime, CancelsACallWhoseClientWentAway) {
  serve();
  Reply& reply = send_grpc("/pixell.agent.AgentService/Invoke", request_for("never"));
  // An answered call behind it proves that the first one has arrived.
  EXPECT_TRUE(invoke("echo").success());

  std::exchange(reply.stream, nullptr)->reset(net::ResetCode::Cancel);

  run_until([this] { return exists("cancelled"); });
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
