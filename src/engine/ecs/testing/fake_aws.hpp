#pragma once

#include <fmt/format.h>

#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "aws/testing/fake_outside.hpp"

namespace pixell::engine::ecs {

/// AWS's JSON services as a test tells them: answers of each action in a row, the last one for
/// ever. An action without an answer is refused, which no step expects.
class FakeAws {
 public:
  FakeAws() {
    for (int i = 0; i < kMaxCalls; ++i)
      world.answers.push_back([this](const net::FetchRequest& request) { return reply(request); });
  }

  void answer(const std::string& action, const nlohmann::json& body) {
    answers_[action].push_back({200, body.dump()});
  }
  void refuse(const std::string& action, const std::string& name, const std::string& message = {},
              int status = 400) {
    answers_[action].push_back(
        {status, nlohmann::json{{"__type", name}, {"message", message}}.dump()});
  }
  /// Takes back the answers of an action.
  void forget(const std::string& action) { answers_.erase(action); }
  /// The change is made, its answer is lost.
  void lose(const std::string& action) { answers_[action].push_back({0, {}}); }

  /// Bodies of an action's requests.
  std::vector<nlohmann::json> asked(const std::string& action) const {
    const auto found = asked_.find(action);
    return found == asked_.end() ? std::vector<nlohmann::json>() : found->second;
  }

  aws::FakeOutside world;

 private:
  static constexpr int kMaxCalls = 100;

  struct Answer {
    int status = 0;
    std::string body{};
  };

  Result<net::FetchReply> reply(const net::FetchRequest& request) {
    std::string action;
    for (const auto& [name, value] : request.headers)
      if (name == "X-Amz-Target") action = value.substr(value.find('.') + 1);
    asked_[action].push_back(nlohmann::json::parse(request.body));
    auto& left = answers_[action];
    if (left.empty())
      return net::FetchReply{
          .status = 400, .headers = {}, .body = R"({"__type":"Unexpected","message":"no answer"})"};
    const Answer next = left.front();
    if (left.size() > 1) left.pop_front();
    if (next.status == 0)
      return Error{.code = ErrorCode::Unavailable, .message = "reset", .retry = Retry::Later};
    return net::FetchReply{.status = next.status, .headers = {}, .body = next.body};
  }

  std::map<std::string, std::deque<Answer>> answers_;
  std::map<std::string, std::vector<nlohmann::json>> asked_;
};

}  // namespace pixell::engine::ecs
