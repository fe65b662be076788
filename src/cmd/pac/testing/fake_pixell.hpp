#pragma once

#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cmd/pac/command_line.hpp"
#include "cmd/pac/testing/api_server.hpp"

namespace pixell::cmd::testing {

/// A request as a FakePixell got it.
struct Asked {
  std::string what;  ///< "GET /v1/apps?limit=1"
  std::string body;
  std::map<std::string, std::string> headers{};  ///< names in lower case; those that matter
};

/// A server that answers what the test says it shall, and remembers what it was asked.
class FakePixell {
 public:
  FakePixell() : server_([this](auto& head, auto& body) { return answer(head, body); }) {}

  /// From now on `what` ("GET /v1/apps", without the query) is answered so; several replies are
  /// given one after the other, the last one for good.
  void reply(const std::string& what, std::vector<api::Reply> replies) {
    const std::lock_guard lock(mutex_);
    replies_[what] = {.replies = std::move(replies)};
  }
  void reply(const std::string& what, const nlohmann::json& body, int status = 200) {
    reply(what, {api::json_reply(status, body)});
  }

  std::vector<Asked> asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  /// The last request of that kind; without one the test fails.
  Asked last(const std::string& what) {
    const std::lock_guard lock(mutex_);
    for (auto at = asked_.rbegin(); at != asked_.rend(); ++at)
      if (at->what.substr(0, at->what.find('?')) == what) return *at;
    ADD_FAILURE() << "nobody asked " << what;
    return {};
  }
  std::string url() const { return server_.url(); }

 private:
  struct Replies {
    std::vector<api::Reply> replies;
    std::size_t next = 0;
  };

  api::Reply answer(const net::RequestHead& head, net::BodyReader& body) {
    Asked asked{.what = head.method + " " + head.target,
                .body = body.read_all(1 << 20, Millis(5'000)).value_or("")};
    for (const char* name : {"authorization", "if-match", "if-none-match", "content-type"})
      if (const auto value = head.headers.get(name)) asked.headers[name] = *value;
    const std::lock_guard lock(mutex_);
    asked_.push_back(asked);
    const auto found = replies_.find(asked.what.substr(0, asked.what.find('?')));
    if (found == replies_.end()) return api::problem(404, "there is no " + asked.what);
    Replies& known = found->second;
    const std::size_t at = std::min(known.next, known.replies.size() - 1);
    ++known.next;
    return known.replies[at];
  }

  std::mutex mutex_;  // guards what follows
  std::map<std::string, Replies> replies_;
  std::vector<Asked> asked_;
  ApiServer server_;  // last: its threads use the others
};

/// How a command ended, and what it printed.
struct Ran {
  int exit_code = -1;
  std::string out;
  std::string err;
};

/// The program with these arguments.
inline Ran run_pac(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "pac");
  std::vector<const char*> argv;
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  Ran ran;
  ran.exit_code = run_command_line(static_cast<int>(argv.size()), argv.data(), {});
  ran.out = ::testing::internal::GetCapturedStdout();
  ran.err = ::testing::internal::GetCapturedStderr();
  return ran;
}

// What the API answers, with all that openapi.yaml requires.

inline nlohmann::json traffic_body(std::int64_t revision = 2) {
  return {{"legs", nlohmann::json::array({{{"revision", revision}, {"weight_permille", 1000}}})},
          {"sticky", {{"by", "none"}}},
          {"pinned", false}};
}

inline nlohmann::json app_body(const std::string& id = "hello") {
  return {{"id", id},
          {"short_id", "ab12cd34"},
          {"org", "default"},
          {"generation", 7},
          {"desired_revision", 2},
          {"traffic", traffic_body()},
          {"settings", {{"instances", 2}, {"warm_revisions", 1}, {"warm_seconds", 300}}},
          {"state", "active"},
          {"url", "/agents/" + id + "/"},
          {"created_at", "2026-01-01T00:00:00Z"}};
}

inline nlohmann::json instance_body(const std::string& id = "01J0000000000000000ABCDEFG") {
  return {{"id", id},
          {"app", "hello"},
          {"revision", 2},
          {"phase", "ready"},
          {"boot_phase", "ready"},
          {"pid", 4711},
          {"restarts", 3},
          {"started_at", "2026-01-01T00:00:00Z"},
          {"changed_at", "2026-01-01T00:00:00Z"}};
}

inline nlohmann::json deployment_body(const std::string& state, nlohmann::json more = {}) {
  nlohmann::json body = {{"id", "01J0000000000000000000000D"},
                         {"app", "hello"},
                         {"kind", "deploy"},
                         {"state", state},
                         {"generation", 1},
                         {"revision", 2},
                         {"strategy", {{"type", "rolling"}}},
                         {"rollout", {{"paused", false}, {"promoted", false}, {"aborted", false}}},
                         {"steps", nlohmann::json::array()},
                         {"created_at", "2026-01-01T00:00:00Z"},
                         {"deadline", "2026-01-01T00:10:00Z"}};
  if (more.is_object()) body.update(more);
  return body;
}

inline nlohmann::json app_answer() {
  return {{"app", app_body()},
          {"route",
           {{"generation", 3},
            {"legs",
             nlohmann::json::array(
                 {{{"revision", 2}, {"weight_permille", 1000}, {"tag", ""}, {"targets", 2}}})}}},
          {"revisions", nlohmann::json::array()},
          {"instances", nlohmann::json::array({instance_body()})}};
}

/// Nothing ever happened, and nothing happens.
inline void reply_without_events(FakePixell& pixell) {
  const nlohmann::json none = {{"events", nlohmann::json::array()}, {"last_sequence", 0}};
  pixell.reply("GET /v1/events", none);
  pixell.reply("GET /v1/watch", none);
}

}  // namespace pixell::cmd::testing
