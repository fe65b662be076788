#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "aws/services.hpp"
#include "engine/ecs/ecs_engine.hpp"
#include "engine/ecs/steps.hpp"
#include "engine/ecs/task_view.hpp"
#include "engine/ecs/testing/good_settings.hpp"
#include "engine/testing/conformance.hpp"
#include "engine/testing/scratch_state.hpp"
#include "net/client/http_fetch.hpp"

namespace pixell::engine {
namespace {

using nlohmann::json;

constexpr const char* kEndpointVariable = "PIXELL_TEST_AWS_ENDPOINT";
// A model of AWS answers at once: who waits as for AWS waits for nothing.
constexpr Millis kLongestPause{20};
constexpr EcsCadence kQuick{.motion = Millis(20),
                            .idle = Millis(100),
                            .spare_kept = Millis(200),
                            .stop_patience = Millis(100),
                            .log_lag = Millis(200),
                            .forget = Millis(50)};

std::string endpoint() {
  const char* given = std::getenv(kEndpointVariable);
  return given == nullptr ? std::string() : given;
}

/// An engine on the model of AWS that tests/pixell_testing/ecs_lifecycle serves.
class EcsUnderTest final : public EngineUnderTest {
 public:
  EcsUnderTest() : services_(outside(), environment()) {
    control("reset", json::object());
    // Long enough to look at one that hangs before ECS ends it.
    control("settings", {{"second_ms", 200}});
    control("behaviour", {{"family", "agent-demo-fail"}, {"boot", "fail"}});
    control("behaviour", {{"family", "agent-demo-hang"}, {"stop", "hang"}});
    call("ecs", "CreateCluster", {{"clusterName", settings_.cluster}});
    settings_.subnets = {
        call("ec2", "DescribeSubnets", json::object()).at("subnetSet").at(0).at("subnetId")};
    settings_.security_groups = {call("ec2", "DescribeSecurityGroups", json::object())
                                     .at("securityGroupInfo")
                                     .at(0)
                                     .at("groupId")};
    auto made = make_ecs_engine({.settings = settings_,
                                 .state_dir = state_.path(),
                                 .log = Log(-1),
                                 .outside = outside(),
                                 .environment = environment(),
                                 .cadence = kQuick});
    EXPECT_TRUE(made) << made.error().message;
    engine_ = std::move(*made);
  }

  Engine& engine() override { return *engine_; }
  InstanceSpec good_spec(const std::string& id) override { return spec(id, "demo"); }
  InstanceSpec failing_spec(const std::string& id) override { return spec(id, "demo-fail"); }
  InstanceSpec hung_spec(const std::string& id) override { return spec(id, "demo-hang"); }

  void kill(const std::string& id) override {
    const json tasks = control("tasks", json::object()).at("tasks");
    const auto found = std::find_if(tasks.begin(), tasks.end(), [&](const json& task) {
      const ecs::Tags tags = ecs::read_tags(task.at("tags"));
      const auto tag = tags.find(ecs::kInstanceTag);
      return tag != tags.end() && tag->second == id;
    });
    ASSERT_NE(found, tasks.end()) << "no task is tagged with " << id;
    control("kill", {{"task", found->at("taskArn")}, {"signal", 9}});
  }

  Result<model::Instance> ensure_without_reply(InstanceSpec spec) override {
    loses_replies_ = true;
    auto seen = engine().ensure(spec);
    loses_replies_ = false;
    return seen;
  }

 private:
  static aws::Environment environment() {
    return {{"AWS_ACCESS_KEY_ID", "test"},
            {"AWS_SECRET_ACCESS_KEY", "test"},
            {"AWS_REGION", "us-east-2"},
            {"AWS_ENDPOINT_URL", endpoint()}};
  }

  static InstanceSpec spec(const std::string& id, const std::string& app) {
    InstanceSpec made = testing::fake_par_spec(id);
    made.app_id = app;
    made.package_path.clear();
    made.package_url = "s3://pixell-agent-packages/default/" + app + "/1/p.apkg";
    return made;
  }

  aws::Outside outside() {
    aws::Outside real = aws::real_outside();
    return {
        .clock = real.clock,
        .fetch = [this,
                  fetch = real.fetch](const net::FetchRequest& request) -> Result<net::FetchReply> {
          if (request.url.ends_with(":8080/metrics")) return metrics_of(request.url);
          auto reply = fetch(request);
          const bool is_start =
              std::any_of(request.headers.begin(), request.headers.end(), [](const auto& header) {
                return header.first == "X-Amz-Target" && header.second.ends_with("Service");
              });
          if (!loses_replies_ || !is_start) return reply;
          return Error{.code = ErrorCode::Unavailable, .message = "reset", .retry = Retry::Later};
        },
        .sleep = [wait = real.sleep](
                     Millis pause,
                     const std::stop_token& stop) { wait(std::min(pause, kLongestPause), stop); },
        .random = real.random};
  }

  // Of a task of the model, which has an address where nobody can listen.
  static Result<net::FetchReply> metrics_of(const std::string& url) {
    const json tasks = control("tasks", json::object()).at("tasks");
    const bool is_of_task = std::any_of(tasks.begin(), tasks.end(), [&](const json& task) {
      return task.at("lastStatus") == "RUNNING" &&
             url.find(ecs::task_facts(task).address) != std::string::npos;
    });
    if (!is_of_task) return make_error(ErrorCode::Unavailable, "nobody listens at " + url);
    return net::FetchReply{.status = 200,
                           .headers = {},
                           .body =
                               "pixell_process_cpu_seconds_total{process=\"par\"} 0.5\n"
                               "pixell_process_resident_memory_bytes{process=\"par\"} 4096\n"
                               "pixell_process_threads{process=\"par\"} 3\n"};
  }

  json call(const char* service, const char* action, const json& parameters) {
    const auto answer = services_.call(service, action, parameters, {});
    EXPECT_TRUE(answer) << aws::describe(answer.error());
    return answer ? *answer : json();
  }

  static json control(const std::string& name, const json& asked) {
    net::FetchRequest request;
    request.method = "POST";
    request.url = endpoint() + "/_lifecycle/" + name;
    request.headers = {{"Content-Type", "application/json"}};
    request.body = asked.dump();
    const auto reply = net::fetch(request);
    EXPECT_TRUE(reply && reply->status == 200)
        << name << ": " << (reply ? reply->body : reply.error().message);
    return reply ? json::parse(reply->body, nullptr, false) : json();
  }

  std::atomic<bool> loses_replies_{false};
  ecs::Settings settings_ = *ecs::read_settings(ecs::good_environment());
  aws::Services services_;
  testing::ScratchState state_;
  std::unique_ptr<Engine> engine_;
};

// tests/test_ecs_engine.py serves the model and gives its address.
INSTANTIATE_TEST_SUITE_P(
    Ecs, EngineConformanceTest,
    ::testing::Values(ConformingBackend{
        .name = "Ecs",
        .make = [] { return std::make_unique<EcsUnderTest>(); },
        .missing = endpoint().empty() ? std::string(kEndpointVariable) + " is not set" : ""}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace pixell::engine
