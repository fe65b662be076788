#include "engine/docker/container_facts.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/docker/container_request.hpp"

namespace pixell::engine::docker {
namespace {

using nlohmann::json;

// An answer of Docker 20.10, without what nobody reads.
json answer() {
  return json::parse(R"({
    "Id": "8f3a", "Created": "2026-11-26T20:19:14.5Z", "Name": "/pixell-01ID",
    "State": {"Status": "running", "Running": true, "OOMKilled": false, "Pid": 4711, "ExitCode": 0,
              "Error": "", "StartedAt": "2026-11-26T20:19:15.25Z",
              "FinishedAt": "0001-01-01T00:00:00Z",
              "Health": {"Status": "unhealthy", "FailingStreak": 3,
                         "Log": [{"Output": "first"}, {"Output": "last"}]}},
    "Config": {"Labels": {"ai.pixell.app": "demo"}},
    "NetworkSettings": {"Ports": {"8080/tcp": null, "3000/tcp": null},
                        "Networks": {"pixell-mark-demo": {"IPAddress": "10.1.2.3"}}}})");
}

TEST(ContainerFacts, AreReadFromAnInspection) {
  const auto facts = container_from_inspect(answer());

  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_EQ(facts->id, "8f3a");
  EXPECT_EQ(facts->name, "pixell-01ID");
  EXPECT_EQ(facts->state, "running");
  EXPECT_EQ(facts->pid, 4711);
  EXPECT_EQ(facts->started_at, 1'795'724'355'250);
  EXPECT_EQ(facts->finished_at, 0);
  EXPECT_EQ(facts->address, "10.1.2.3:8080");
  EXPECT_EQ(facts->label(kAppLabel), "demo");
  EXPECT_EQ(facts->label("other"), "");
  EXPECT_TRUE(facts->is_unhealthy);
  EXPECT_EQ(facts->health_output, "last");
  EXPECT_TRUE(facts->was_started());
  EXPECT_FALSE(facts->has_ended());
}

TEST(ContainerFacts, HaveThePublishedAddressWhenThereIsOne) {
  json published = answer();
  published["NetworkSettings"]["Ports"]["8080/tcp"] = {
      {{"HostIp", "127.0.0.1"}, {"HostPort", "20001"}}};

  EXPECT_EQ(container_from_inspect(published)->address, "127.0.0.1:20001");
}

TEST(ContainerFacts, HaveNoAddressAndNoHealthWhereDockerHasNull) {
  json bare = answer();
  bare["NetworkSettings"] = {{"Ports", nullptr}, {"Networks", {{"n", {{"IPAddress", ""}}}}}};
  bare["State"].erase("Health");
  bare["Config"]["Labels"] = nullptr;

  const auto facts = container_from_inspect(bare);

  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->address, "");
  EXPECT_FALSE(facts->is_unhealthy);
}

TEST(ContainerFacts, AreRefusedWhenTheyAreNone) {
  for (const char* text :
       {"null", "[]", "{}", R"({"Id":1})", R"({"Id":"x","Name":"y","Config":[],"State":{}})"})
    EXPECT_EQ(container_from_inspect(json::parse(text)).error().code, ErrorCode::DataLoss) << text;
  for (const auto& [place, value] :
       {std::pair{"/State/Status", json(5)}, std::pair{"/State/StartedAt", json("yesterday")},
        std::pair{"/State/Pid", json("x")}, std::pair{"/Config/Labels/ai.pixell.app", json(1)},
        std::pair{"/NetworkSettings/Ports/8080~1tcp", json::parse("[7]")},
        std::pair{"/State/Health/Log/1", json(1)}}) {
    json wrong = answer();
    wrong[json::json_pointer(place)] = value;
    EXPECT_EQ(container_from_inspect(wrong).error().code, ErrorCode::DataLoss) << place;
  }
}

TEST(ContainerRow, HasIdAndState) {
  const auto row = container_row({{"Id", "a"}, {"State", "exited"}});

  ASSERT_TRUE(row);
  EXPECT_EQ(row->state, "exited");
  EXPECT_FALSE(container_row({{"Id", "a"}}));
  EXPECT_FALSE(container_row(json::array()));
}

TEST(ContainerUsage, LeavesOutWhatTheKernelCanTakeBack) {
  json stats = {{"memory_stats", {{"usage", 5'000}, {"stats", {{"inactive_file", 1'200}}}}},
                {"cpu_stats", {{"cpu_usage", {{"total_usage", 1'500'000'000}}}}},
                {"pids_stats", {{"current", 9}}}};
  const model::InstanceUsage wanted{.cpu_seconds = 1.5, .memory_bytes = 3'800, .threads = 9};

  EXPECT_EQ(*usage_from_stats(stats), wanted);
  // Control groups of version 1: the sum with those below.
  stats["memory_stats"]["stats"] = {{"inactive_file", 7}, {"total_inactive_file", 1'200}};
  EXPECT_EQ(*usage_from_stats(stats), wanted);
}

TEST(ContainerUsage, IsNotReadOfAContainerThatHasEnded) {
  const auto usage =
      usage_from_stats({{"memory_stats", json::object()}, {"pids_stats", json::object()}});

  ASSERT_FALSE(usage);
  EXPECT_EQ(usage.error().code, ErrorCode::DataLoss);
}

}  // namespace
}  // namespace pixell::engine::docker
