#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/api.hpp"
#include "base/testing/fake_clock.hpp"
#include "base/testing/temp_directory.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace pixell::api {

/// A body that is there at once.
class TextBody final : public net::BodyReader {
 public:
  explicit TextBody(std::string text) : text_(std::move(text)) {}
  Result<std::string> read(Millis) override { return std::exchange(text_, {}); }

 private:
  std::string text_;
};

/// Takes a streamed answer; `on_write` sees what has come so far and says whether the client stays.
class FakeClient final : public net::ReplyWriter {
 public:
  explicit FakeClient(std::function<bool(const std::string& so_far)> on_write)
      : on_write_(std::move(on_write)) {}
  void reply(const net::ResponseHead&, std::string) override {}
  void start(const net::ResponseHead&) override {}
  Result<void> write(std::string bytes) override {
    if (is_gone_) return make_error(ErrorCode::Cancelled, "the client went away");
    came_ += bytes;
    is_gone_ = !on_write_(came_);
    return {};
  }
  void finish() override {}
  bool client_gone() const override { return is_gone_; }
  const std::string& came() const { return came_; }

 private:
  std::function<bool(const std::string&)> on_write_;
  std::string came_;
  bool is_gone_ = false;
};

/// The API over an empty store, called without a network.
class ApiTest : public testing::Test {
 protected:
  void SetUp() override {
    auto store = store::make_sqlite_store(directory_ / "pixell.db", clock_);
    ASSERT_TRUE(store) << store.error().message;
    store_ = std::move(*store);
    auto packages = apkg::PackageStore::open(directory_ / "packages");
    ASSERT_TRUE(packages) << packages.error().message;
    packages_.emplace(std::move(*packages));
    context_.emplace(ApiContext{
        .store = *store_,
        .packages = *packages_,
        .clock = clock_,
        .log = Log(-1),
        .allow_file_dirs = {directory_.path()},
        .on_edge_poll = [this](std::string_view, std::int64_t after) { acked_ = after; },
        .on_edge_measurements =
            [this](std::string_view edge, const model::TrafficReport& report) {
              measured_by_ = edge;
              measured_ = report;
              return UnixMillis{77};
            },
        .describe_system = []() -> Result<nlohmann::json> {
          return nlohmann::json{{"engine", "fake"}};
        },
        .read_log = [this](std::string_view id,
                           const LogRange& range) { return read_log(id, range); },
        .read_usage = [](std::string_view id) -> Result<model::InstanceUsage> {
          if (id != "i-1") return make_error(ErrorCode::NotFound, "there is no such instance");
          return model::InstanceUsage{.cpu_seconds = 1.5, .memory_bytes = 2048, .threads = 3};
        },
        .waits = waits_,
        .stop = stop_.get_token()});
  }
  void TearDown() override {
    context_.reset();
    store_.reset();
  }

  Reply send(std::string method, std::string target, std::string body = "",
             std::vector<std::pair<std::string, std::string>> headers = {}) {
    net::RequestHead head{.method = std::move(method),
                          .target = std::move(target),
                          .scheme = "http",
                          .authority = host_};
    for (const auto& [name, value] : headers) head.headers.add(name, value);
    TextBody reader(std::move(body));
    return answer(*context_, head, reader);
  }
  static nlohmann::json parse(const Reply& reply) {
    return nlohmann::json::parse(reply.body, nullptr, false);
  }

  std::string package_url() {
    std::ofstream(directory_ / "a.apkg") << "bytes";
    return "file://" + (directory_ / "a.apkg").string();
  }
  static std::string multipart(const std::string& file, const std::string& more = "") {
    return "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"agent.apkg\"\r\n\r\n" +
           file + "\r\n" + more + "--b--\r\n";
  }
  static std::string field(const std::string& name, const std::string& value) {
    return "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n";
  }
  /// A log as an engine gives it: whole lines, at most kPieceBytes at once.
  Result<LogPiece> read_log(std::string_view id, const LogRange& range) {
    const auto found = logs_.find(std::string(id));
    if (found == logs_.end())
      return make_error(ErrorCode::NotFound, "there is no instance '" + std::string(id) + "'");
    const auto size = std::int64_t(found->second.size());
    const std::size_t most = std::min(range.max_bytes, kPieceBytes);
    std::int64_t from = std::min(range.from, size);
    if (from < 0) from = std::max<std::int64_t>(size - std::int64_t(most), 0);
    std::string text = found->second.substr(std::size_t(from), most);
    const std::int64_t next = from + std::int64_t(text.size());
    return LogPiece{.text = std::move(text), .from = from, .next = next};
  }

  /// A completed deployment of a new revision, which has all the traffic then.
  model::Deployment serve_revision(const std::string& app, char digit = 'a') {
    clock_.advance(Millis(1'000));
    const auto accepted = store_->accept_deployment({.app_id = app, .package_url = "https://h/x"});
    EXPECT_TRUE(accepted);
    auto recorded = store_->record_revision(accepted->deployment,
                                            {.sha256 = std::string(64, digit),
                                             .app_id = app,
                                             .name = "hello",
                                             .version = std::string("1.0.") + digit,
                                             .size_bytes = 10,
                                             .manifest_json = R"({"name":"hello"})"},
                                            1);
    EXPECT_TRUE(recorded);
    return complete(recorded->deployment,
                    model::all_to(store_->app(app)->traffic, recorded->revision.number));
  }
  model::Deployment complete(model::Deployment deployment, const model::Traffic& traffic) {
    clock_.advance(Millis(1'000));
    deployment.state = model::DeploymentState::Completed;
    deployment.completed_at = clock_.unix_now();
    auto completed = store_->complete_deployment(deployment, traffic, 1);
    EXPECT_TRUE(completed);
    return *completed;
  }
  void add_instance(const std::string& app, const std::string& id,
                    model::InstancePhase phase = model::InstancePhase::Ready) {
    EXPECT_TRUE(store_->put_instance({.id = id,
                                      .app_id = app,
                                      .revision = 1,
                                      .phase = phase,
                                      .address = "unix:/run/" + id,
                                      .started_at = 5,
                                      .changed_at = 6},
                                     1));
  }
  std::string deploy_body(const std::string& app) {
    return nlohmann::json{{"agentAppId", app}, {"packageUrl", package_url()}}.dump();
  }
  Reply upload(const std::string& body) {
    return send("POST", "/api/agent-apps/hello/packages/deploy", body,
                {{"content-type", "multipart/form-data; boundary=b"}});
  }

  static constexpr std::size_t kPieceBytes = 64;
  FakeClock clock_;
  std::stop_source stop_;
  std::map<std::string, std::string> logs_;
  Waits waits_;
  TempDirectory directory_;
  std::string host_ = "127.0.0.1:4000";
  std::int64_t acked_ = -1;
  std::string measured_by_;
  model::TrafficReport measured_;
  std::unique_ptr<store::Store> store_;
  std::optional<apkg::PackageStore> packages_;
  std::optional<ApiContext> context_;
};

}  // namespace pixell::api
