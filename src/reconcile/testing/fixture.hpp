#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/log.hpp"
#include "engine/fake/fake_engine.hpp"
#include "model/manifest.hpp"
#include "reconcile/edge_acks.hpp"
#include "reconcile/edge_signals.hpp"
#include "reconcile/package_importer.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace pixell::reconcile {

/// Imports packages that exist only by name: "bad:<cause>" URLs fail with that cause.
class FakeImporter final : public PackageImporter {
 public:
  std::expected<model::Package, model::Failure> import(const model::Deployment& deployment,
                                                       std::stop_token stop) override {
    if (before_import) before_import(stop);
    const std::string& url = deployment.package_url;
    if (url.starts_with("bad:"))
      return std::unexpected(model::make_failure(
          model::parse_cause(url.substr(4)).value_or(model::Cause::Internal), "as it was told"));
    model::Manifest manifest;
    manifest.name = "hello";
    manifest.display_name = "Hello";
    return model::Package{.sha256 = std::string(64, 'a'),
                          .id = {},
                          .app_id = deployment.app_id,
                          .name = "hello",
                          .version = "1.2.3",
                          .size_bytes = 1,
                          .manifest_json = model::to_json(manifest).dump()};
  }
  std::filesystem::path path_of(std::string_view sha256) override {
    return std::filesystem::path("/packages") / (std::string(sha256) + ".apkg");
  }
  Result<std::string> url_of(const model::AgentApp&, const model::Package&) override {
    return published;
  }
  Result<void> remove(std::string_view sha256) override {
    removed.emplace_back(sha256);
    return {};
  }
  std::vector<std::string> removed;
  /// What url_of() says.
  Result<std::string> published = std::string();
  /// Called at the start of each import; may block.
  std::function<void(std::stop_token)> before_import;
};

/// Edges that say what a test lets them say.
class FakeEdges final : public EdgeAcks {
 public:
  bool all_applied(std::string_view, std::int64_t route_generation, UnixMillis) override {
    return applied >= route_generation;
  }
  std::atomic<std::int64_t> applied{INT64_MAX};
};

/// Numbers that a test writes down.
class FakeSignals final : public EdgeSignals {
 public:
  TrafficMeasured measured(std::string_view, std::int64_t, UnixMillis) override {
    std::lock_guard lock(mutex_);
    return measured_;
  }
  void set(const TrafficMeasured& measured) {
    std::lock_guard lock(mutex_);
    measured_ = measured;
  }

 private:
  std::mutex mutex_;
  TrafficMeasured measured_;
};

/// A store in a directory of its own, a fake engine, and what a reconciler needs beside.
class ReconcileTest : public ::testing::Test {
 protected:
  explicit ReconcileTest(const Clock& clock) : clock_(clock), engine_(clock) {}

  void SetUp() override {
    auto opened = store::make_sqlite_store(directory_ / "pixell.db", clock_);
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(directory_);
  }

  std::string deploy(const std::string& app, std::map<std::string, std::string> environment = {},
                     const std::string& url = "file:///a.apkg",
                     Millis time_allowed = Millis(600'000)) {
    auto accepted = store_->accept_deployment({.app_id = app,
                                               .package_url = url,
                                               .environment = std::move(environment),
                                               .time_allowed = time_allowed});
    EXPECT_TRUE(accepted) << accepted.error().message;
    // Former revisions end at once: what stays warm has tests of its own.
    const model::AppSettings cold{.warm_revisions = 0};
    EXPECT_TRUE(store_->update_app(app, nullptr, &cold, {}));
    return accepted ? accepted->deployment.id : std::string();
  }
  model::Deployment deployment(const std::string& id) {
    auto found = store_->deployment(id);
    EXPECT_TRUE(found) << found.error().message;
    return found ? *found : model::Deployment();
  }

  const Clock& clock_;
  std::filesystem::path directory_ =
      std::filesystem::temp_directory_path() / ("reconcile-" + new_ulid(0));
  std::unique_ptr<store::Store> store_;
  engine::FakeEngine engine_;
  FakeImporter importer_;
  FakeEdges edges_;
  FakeSignals signals_;
  Log log_{2, LogLevel::Error};
};

}  // namespace pixell::reconcile
