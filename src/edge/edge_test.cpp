#include "edge/edge.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "edge/route_follower.hpp"
#include "edge/snapshot_file.hpp"
#include "net/client/http_fetch.hpp"
#include "net/event_loop.hpp"
#include "net/reply.hpp"
#include "net/server.hpp"
#include "net/sockets.hpp"

namespace pixell::edge {
namespace {

namespace fs = std::filesystem;

// A server behind the edge that answers with its name and what it saw.
class Backend final : public net::Service {
 public:
  Backend(std::string name, const fs::path& socket) : name_(std::move(name)) {
    loop_ = std::move(*net::EventLoop::create());
    server_ = std::make_unique<net::HttpServer>(*loop_, *this, Log(2, LogLevel::Error));
    EXPECT_TRUE(server_->listen(std::move(*net::listen_unix(socket)), "backend"));
    thread_ = std::thread([this] { loop_->run(); });
  }
  ~Backend() override {
    loop_->post([this] {
      server_->close_all();
      loop_->stop();
    });
    thread_.join();
  }
  std::unique_ptr<net::StreamHandler> on_request(net::ServerStream& stream) override {
    const net::RequestHead& head = stream.request();
    net::send_json(
        stream, 200,
        nlohmann::json{{"backend", name_},
                       {"target", head.target},
                       {"forwarded_for", head.headers.get("x-forwarded-for").value_or("")},
                       {"request_id", head.headers.get("x-request-id").value_or("")}}
            .dump());
    return net::ignore_body();
  }

 private:
  std::string name_;
  std::unique_ptr<net::EventLoop> loop_;
  std::unique_ptr<net::HttpServer> server_;
  std::thread thread_;
};

class EdgeTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/edge_test_XXXXXX";
    directory_ = ::mkdtemp(pattern);
    auto listener = net::listen_tcp("127.0.0.1", 0);
    ASSERT_TRUE(listener) << listener.error().message;
    port_ = *net::bound_port(listener->get());
    std::vector<UniqueFd> listeners;
    listeners.push_back(std::move(*listener));
    auto edge =
        Edge::start(std::move(listeners), {unix_address("api.sock")}, 2, Log(2, LogLevel::Error));
    ASSERT_TRUE(edge) << edge.error().message;
    edge_ = std::move(*edge);
  }
  void TearDown() override {
    edge_.reset();
    fs::remove_all(directory_);
  }

  std::string unix_address(const std::string& name) {
    return "unix:" + (directory_ / name).string();
  }

  void publish(std::int64_t revision, const std::string& socket) {
    auto table = RouteTable::build({.generation = ++generation_,
                                    .routes = {{.app_id = "hello",
                                                .short_id = "abcd2345",
                                                .name = "hello",
                                                .description = "greets",
                                                .version = "1.2.3",
                                                .legs = {{.revision = revision,
                                                          .weight_permille = 1000,
                                                          .tag = "",
                                                          .addresses = {unix_address(socket)}}}}}});
    ASSERT_TRUE(table) << table.error().message;
    const auto done = edge_->publish(*table);
    ASSERT_TRUE(done) << done.error().message;
  }

  net::FetchReply get(const std::string& path) {
    const auto reply = net::fetch(
        {.url = "http://127.0.0.1:" + std::to_string(port_) + path, .timeout = Millis(5000)});
    EXPECT_TRUE(reply) << path << ": " << reply.error().message;
    return reply ? *reply : net::FetchReply{};
  }
  static nlohmann::json body(const net::FetchReply& reply) {
    return nlohmann::json::parse(reply.body, nullptr, false);
  }

  fs::path directory_;
  std::uint16_t port_ = 0;
  std::int64_t generation_ = 0;
  std::unique_ptr<Edge> edge_;
};

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
  char pattern[] = "/tmp/follower_test_XXXXXX";
  const fs::path directory = ::mkdtemp(pattern);
  ScriptedSource source;
  std::atomic<std::int64_t> in_force{0};
  RouteFollower follower(
      source, directory / "routes",
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
  fs::remove_all(directory);
}

TEST(RouteFollower, StartsWithTheSavedRoutesAndIgnoresADamagedFile) {
  char pattern[] = "/tmp/follower_test_XXXXXX";
  const fs::path directory = ::mkdtemp(pattern);
  ScriptedSource source;
  std::atomic<std::int64_t> in_force{0};
  const auto publish = [&](std::shared_ptr<const RouteTable> table) -> Result<void> {
    in_force = table->generation();
    return {};
  };
  ASSERT_TRUE(save_snapshot(directory / "routes", {.generation = 9, .routes = {}}));
  {
    RouteFollower follower(source, directory / "routes", publish, Log(2, LogLevel::Error));
    follower.start();
    EXPECT_EQ(in_force, 9);
  }
  in_force = 0;
  std::ofstream(directory / "routes") << "garbage";
  RouteFollower follower(source, directory / "routes", publish, Log(-1, LogLevel::Error));
  follower.start();
  EXPECT_EQ(in_force, 0);
  EXPECT_TRUE(source.wait_until_asked_after(0));
  follower.stop();
  fs::remove_all(directory);
}

}  // namespace
}  // namespace pixell::edge
