#pragma once

#include <string>

#include "par/testing/runtime_fixture.hpp"
#include "pixell/agent.pb.h"

namespace pixell::par {

/// A runtime whose scripted agent has all three surfaces and the handlers that
/// `fake_workers/pixell_worker` knows.
class ServingRuntime : public RuntimeTest {
 protected:
  ServingRuntime() {
    script = {
        {"manifest",
         {{"description", "a test"},
          {"rest", {{"entry", "app:mount"}}},
          {"a2a", {{"entry", "svc:make"}}},
          {"ui", {{"path", "ui"}}}}},
        {"dotenv", {{"FROM_DOTENV", "yes"}}},
        {"worker", {{"handlers", {"echo", "text", "fail", "late", "die", "never", "hang_up"}}}}};
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

}  // namespace pixell::par
