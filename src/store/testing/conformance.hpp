#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <utility>

#include "base/ids.hpp"
#include "base/testing/fake_clock.hpp"
#include "store/store.hpp"

namespace pixell::store {

/// A backend that has to pass the conformance tests; conformance_test.cpp lists them.
struct Backend {
  std::string name;
  std::function<Result<std::unique_ptr<Store>>(const std::filesystem::path&, const Clock&)> open;
};

inline void PrintTo(const Backend& backend, std::ostream* out) { *out << backend.name; }

/// An empty store of the backend in a directory of its own, and what is written to it.
class StoreTest : public ::testing::TestWithParam<Backend> {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() / ("store-" + new_ulid(0));
    reopen();
  }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(directory_);
  }
  void reopen() {
    store_.reset();
    auto opened = GetParam().open(directory_ / "pixell.db", clock_);
    ASSERT_TRUE(opened) << opened.error().message << " " << opened.error().detail;
    store_ = std::move(*opened);
  }
  model::Deployment accept(const std::string& app, const std::string& url = "file:///a.apkg") {
    auto accepted = store_->accept_deployment({.app_id = app, .package_url = url});
    EXPECT_TRUE(accepted) << accepted.error().message;
    return accepted->deployment;
  }
  model::Package package(const std::string& app, char digit = 'a') {
    return {.sha256 = std::string(64, digit),
            .id = {},
            .app_id = app,
            .name = "hello",
            .version = "1.0.0",
            .size_bytes = 10,
            .manifest_json = "{}"};
  }
  static model::Traffic all_to(const model::Deployment& deployment) {
    return model::all_to({}, deployment.revision);
  }
  RecordedRevision with_revision(const std::string& app, char digit = 'a') {
    auto recorded = store_->record_revision(accept(app), package(app, digit), kToken);
    EXPECT_TRUE(recorded) << recorded.error().message << recorded.error().detail;
    return *recorded;
  }
  model::Instance instance(const std::string& app, const std::string& id) {
    model::Instance made;
    made.id = id;
    made.app_id = app;
    made.revision = 1;
    made.address = "unix:/run/" + id;
    made.started_at = 5;
    made.changed_at = 6;
    return made;
  }
  model::Route route(const std::string& app, std::int64_t revision) {
    return {.app_id = app,
            .short_id = "abcd2345",
            .name = "hello",
            .description = "says hello",
            .version = "1.0.0",
            .legs = {{.revision = revision,
                      .weight_permille = 1000,
                      .tag = {},
                      .addresses = {"unix:/run/a"}}}};
  }

  static constexpr FencingToken kToken = 3;
  FakeClock clock_;
  std::filesystem::path directory_;
  std::unique_ptr<Store> store_;
};

}  // namespace pixell::store
