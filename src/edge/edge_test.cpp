#include "edge/edge.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>

#include "base/testing/temp_directory.hpp"
#include "edge/limits.hpp"
#include "edge/route_follower.hpp"
#include "edge/router.hpp"
#include "edge/snapshot_file.hpp"
#include "edge/testing/edge_fixture.hpp"

namespace pixell::edge {
namespace {

namespace fs = std::filesystem;

using namespace testing;

TEST_F(EdgeTest, ForwardsToTheAgentWithTheFullIdAndNamesTheRevision) {
  Backend agent("one", directory_ / "one.sock");
  publish(7, "one.sock");

  const auto reply = get("/agents/abcd2345/api/hello?x=1");

  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.header("x-pixell-revision"), "7");
  EXPECT_EQ(body(reply)["target"], "/agents/hello/api/hello?x=1");
  EXPECT_EQ(body(reply)["forwarded_for"], "127.0.0.1");
  EXPECT_EQ(body(reply)["request_id"].get<std::string>().size(), 26u);
}

TEST_F(EdgeTest, ReplacesWhatAClientClaimsOfItsConnection) {
  Backend agent("one", directory_ / "one.sock");
  publish(1, "one.sock");

  const auto seen = body(get("/agents/hello/x", {{"X-Forwarded-Proto", "https"},
                                                 {"X-Forwarded-Client-Cert", "Hash=1"},
                                                 {"x_forwarded-client_cert", "Hash=2"},
                                                 {"X-Forwarded-Client-Cert", "Hash=3"}}));

  EXPECT_EQ(seen["proto"], "http");
  EXPECT_EQ(seen["certificate"], "");
  EXPECT_EQ(seen["fields_with_hash"], 0);
}

TEST_F(EdgeTest, LeadsPlainRequestsToHttpsOnARedirectListener) {
  port_ = redirect_port_;

  for (const char* method : {"GET", "HEAD", "POST", "DELETE"}) {
    const auto reply = get("/agents/hello/x?y=1", {{"Host", "a.test:80"}}, method);
    EXPECT_EQ(reply.status, 308) << method;
    EXPECT_EQ(reply.header("location"), "https://a.test:8443/agents/hello/x?y=1") << method;
  }
  EXPECT_EQ(get("/", {{"Host", "user@elsewhere"}}).status, 400);
}

TEST_F(EdgeTest, SendsEverythingElseToTheApi) {
  Backend api("api", directory_ / "api.sock");

  EXPECT_EQ(body(get("/api/deployments/1"))["backend"], "api");
  EXPECT_EQ(body(get("/"))["backend"], "api");
}

TEST_F(EdgeTest, AnswersProblemWhenTheApiIsAwayAndAgentsKeepAnswering) {
  Backend agent("one", directory_ / "one.sock");
  publish(1, "one.sock");

  const auto away = get("/v1/apps");

  EXPECT_EQ(away.status, 503);
  EXPECT_EQ(away.header("content-type"), "application/problem+json");
  EXPECT_EQ(away.header("retry-after"), "1");
  EXPECT_EQ(get("/agents/hello/").status, 200);
}

class EdgeWithoutApiTest : public EdgeTest {
 protected:
  EdgeWithoutApiTest() { has_api_ = false; }
};

TEST_F(EdgeWithoutApiTest, ServesAgentsAndSaysThatTheApiIsElsewhere) {
  Backend agent("one", directory_ / "one.sock");
  publish(1, "one.sock");

  EXPECT_EQ(get("/agents/hello/").status, 200);
  EXPECT_EQ(get("/agents").status, 200);
  for (const char* method : {"GET", "POST"}) {
    const auto refused = get(method == std::string("GET") ? "/v1/apps" : "/agents", {}, method);
    EXPECT_EQ(refused.status, 404);
    EXPECT_EQ(refused.header("content-type"), "application/problem+json");
    EXPECT_NE(refused.body.find("the API is on the machine of the control plane"),
              std::string::npos);
  }
}

TEST_F(EdgeWithoutApiTest, TellsItselfThatItIsWell) {
  publish(1, "one.sock");

  const auto health = get("/healthz");

  EXPECT_EQ(health.status, 200);
  EXPECT_EQ(body(health)["status"], "ok");
  EXPECT_EQ(body(health)["routes_generation"], 1);
}

TEST_F(EdgeTest, AnswersUnknownAgentsWithJson404) {
  const auto reply = get("/agents/nobody/api");

  EXPECT_EQ(reply.status, 404);
  EXPECT_TRUE(body(reply).contains("error"));
}

TEST_F(EdgeTest, AnswersInternalPathsWith404) { EXPECT_EQ(get("/internal/routes").status, 404); }

TEST_F(EdgeTest, SendsRequestsToTheNewRevisionOncePublishReturned) {
  Backend one("one", directory_ / "one.sock");
  Backend two("two", directory_ / "two.sock");
  for (int round = 0; round < 20; ++round) {
    publish(round, round % 2 == 0 ? "one.sock" : "two.sock");
    ASSERT_EQ(body(get("/agents/hello/x"))["backend"], round % 2 == 0 ? "one" : "two");
  }
}

TEST_F(EdgeTest, ListsTheAgents) {
  publish(1, "one.sock");

  const auto listed = body(get("/agents"));

  ASSERT_EQ(listed["agents"].size(), 1u);
  EXPECT_EQ(listed["agents"][0]["agent_app_id"], "hello");
  EXPECT_EQ(listed["agents"][0]["version"], "1.2.3");
}

TEST_F(EdgeTest, AnswersATargetThatIsGoneWith503) {
  publish(1, "nobody_listens.sock");

  const auto reply = get("/agents/hello/x");

  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.header("retry-after"), "1");
}

// A source that gives what the test puts in, then waits.
class ScriptedSource final : public RouteSource {
 public:
  Result<std::optional<model::RouteSnapshot>> next(std::int64_t after, Millis timeout,
                                                   std::stop_token stop) override {
    std::unique_lock lock(mutex_);
    asked_after_ = after;
    changed_.notify_all();
    const bool is_there =
        wake_.wait_for(lock, stop, timeout, [&] { return snapshot_.generation != after; });
    if (!is_there) return std::optional<model::RouteSnapshot>();
    return std::optional(snapshot_);
  }
  void put(model::RouteSnapshot snapshot) {
    std::lock_guard lock(mutex_);
    snapshot_ = std::move(snapshot);
    wake_.notify_all();
  }
  bool wait_until_asked_after(std::int64_t generation) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10),
                             [&] { return asked_after_ == generation; });
  }

 private:
  std::mutex mutex_;  // guards all below
  std::condition_variable_any wake_;
  std::condition_variable changed_;
  model::RouteSnapshot snapshot_;
  std::int64_t asked_after_ = -1;
};

TEST(RouteFollower, AcknowledgesAGenerationOnlyOnceItIsInForceAndSavesIt) {
  const TempDirectory directory;
  ScriptedSource source;
  std::atomic<std::int64_t> in_force{0};
  RouteFollower follower(
      source, {.snapshot_path = directory / "routes"},
      [&](std::shared_ptr<const RouteTable> table) -> Result<void> {
        in_force = table->generation();
        return {};
      },
      Log(2, LogLevel::Error));
  follower.start();

  source.put({.generation = 5, .routes = {}});

  ASSERT_TRUE(source.wait_until_asked_after(5));
  EXPECT_EQ(in_force, 5);
  EXPECT_EQ(load_snapshot(directory / "routes")->generation, 5);
  follower.stop();
}

TEST(RouteFollower, WaitsUntilTheFirstRoutesAreInForce) {
  const TempDirectory directory;
  ScriptedSource source;
  source.put({.generation = 5, .routes = {}});
  std::atomic<std::int64_t> in_force{0};
  RouteFollower follower(
      source, {.snapshot_path = directory / "routes"},
      [&](std::shared_ptr<const RouteTable> table) -> Result<void> {
        in_force = table->generation();
        return {};
      },
      Log(-1));

  follower.start();
  follower.wait_for_routes(Millis(30'000));

  EXPECT_EQ(in_force, 5);
  follower.stop();
}

TEST(RouteFollower, FollowsOnButSavesNothingWhenTheFileIsAnothersNow) {
  const TempDirectory directory;
  ScriptedSource source;
  RouteFollower follower(
      source, {.snapshot_path = directory / "routes"},
      [](const std::shared_ptr<const RouteTable>&) -> Result<void> { return {}; }, Log(-1));
  follower.start();
  source.put({.generation = 5, .routes = {}});
  ASSERT_TRUE(source.wait_until_asked_after(5));

  follower.leave_file_alone();
  source.put({.generation = 6, .routes = {}});

  ASSERT_TRUE(source.wait_until_asked_after(6));
  follower.stop();
  EXPECT_EQ(load_snapshot(directory / "routes")->generation, 5);
}

TEST(RouteFollower, StartsWithTheSavedRoutesAndIgnoresADamagedFile) {
  const TempDirectory directory;
  ScriptedSource source;
  std::atomic<std::int64_t> in_force{0};
  const auto publish = [&](std::shared_ptr<const RouteTable> table) -> Result<void> {
    in_force = table->generation();
    return {};
  };
  ASSERT_TRUE(save_snapshot(directory / "routes", {.generation = 9, .routes = {}}));
  {
    ScriptedSource same;
    same.put({.generation = 9, .routes = {}});
    RouteFollower follower(same, {.snapshot_path = directory / "routes"}, publish,
                           Log(2, LogLevel::Error));
    follower.start();
    EXPECT_EQ(in_force, 9);
  }
  in_force = 0;
  std::ofstream(directory / "routes") << "garbage";
  RouteFollower follower(source, {.snapshot_path = directory / "routes"}, publish,
                         Log(-1, LogLevel::Error));
  follower.start();
  EXPECT_EQ(in_force, 0);
  EXPECT_TRUE(source.wait_until_asked_after(0));
  follower.stop();
}

// Gives one snapshot, then nothing; looks at the file of the follower each time it is asked.
class WatchingSource final : public RouteSource {
 public:
  struct Pull {
    std::int64_t after = 0;
    Millis timeout{0};
    bool is_saved = false;
  };
  explicit WatchingSource(fs::path file) : file_(std::move(file)) {}

  Result<std::optional<model::RouteSnapshot>> next(std::int64_t after, Millis timeout,
                                                   std::stop_token stop) override {
    std::unique_lock lock(mutex_);
    pulls_.push_back({.after = after, .timeout = timeout, .is_saved = fs::exists(file_)});
    changed_.notify_all();
    if (pulls_.size() == 1) return std::optional(model::RouteSnapshot{.generation = 5});
    if (pulls_.size() == 2) {
      fs::remove(file_);
      return std::optional<model::RouteSnapshot>();
    }
    wake_.wait(lock, stop, [] { return false; });
    return make_error(ErrorCode::Cancelled, "stopped");
  }
  std::vector<Pull> first_pulls(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(30), [&] { return pulls_.size() >= count; });
    return pulls_;
  }

 private:
  const fs::path file_;
  std::mutex mutex_;  // guards all below
  std::condition_variable_any wake_;
  std::condition_variable changed_;
  std::vector<Pull> pulls_;
};

TEST(RouteFollower, SavesBeforeItAcknowledgesAndSyncsOnceNoOtherRoutesCome) {
  const TempDirectory directory;
  WatchingSource source(directory / "routes");
  RouteFollower follower(
      source, {.snapshot_path = directory / "routes"},
      [](std::shared_ptr<const RouteTable>) -> Result<void> { return {}; },
      Log(2, LogLevel::Error));
  follower.start();

  const auto pulls = source.first_pulls(3);

  follower.stop();
  ASSERT_EQ(pulls.size(), 3u);
  EXPECT_EQ(pulls[1].after, 5);
  EXPECT_TRUE(pulls[1].is_saved);
  EXPECT_EQ(pulls[1].timeout, kRouteSettleTime);
  EXPECT_TRUE(pulls[2].is_saved) << "written again, to last";
  EXPECT_EQ(pulls[2].timeout, kRoutePollTimeout);
}

// Control that nobody reaches.
class AbsentSource final : public RouteSource {
 public:
  Result<std::optional<model::RouteSnapshot>> next(std::int64_t, Millis, std::stop_token) override {
    return make_error(ErrorCode::Unavailable, "control is away");
  }
};

TEST_F(EdgeTest, ServesTagsWeightsAndStickyClientsFromItsSnapshotFileAlone) {
  Backend one("one", directory_ / "one.sock");
  Backend two("two", directory_ / "two.sock");
  model::Route split =
      hello({leg(1, 900, {unix_address("one.sock")}), leg(2, 100, {unix_address("two.sock")}),
             leg(3, 0, {unix_address("two.sock")}, "next")},
            {.by = model::StickyBy::Header, .name = "x-user"});
  ASSERT_TRUE(save_snapshot(directory_ / "routes", {.generation = 12, .routes = {split}}));
  AbsentSource control;
  RouteFollower follower(
      control, {.snapshot_path = directory_ / "routes"},
      [this](std::shared_ptr<const RouteTable> table) { return edge_->publish(std::move(table)); },
      Log(-1));

  follower.start();

  EXPECT_EQ(get("/agents/hello@next/x").header("x-pixell-revision"), "3");
  const auto table = *RouteTable::build({.generation = 12, .routes = {split}});
  for (int user = 0; user < 50; ++user) {
    const std::string name = "user-" + std::to_string(user);
    const auto decision = decide(*table, get_with("/agents/hello/x", "x-user", name), 0);
    ASSERT_EQ(get("/agents/hello/x", {{"x-user", name}}).header("x-pixell-revision"),
              std::to_string(decision.leg->revision));
  }
  const auto explained = body(get("/v1/edge/explain?url=/agents/hello"));
  EXPECT_EQ(explained["source"], "snapshot_file");
  EXPECT_EQ(explained["generation"], 12);
  EXPECT_EQ(explained["legs"][1]["share"], 0.1);
  follower.stop();
}

}  // namespace
}  // namespace pixell::edge
