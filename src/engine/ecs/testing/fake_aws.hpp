#pragma once

#include <fmt/format.h>

#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "aws/testing/fake_outside.hpp"
#include "base/percent.hpp"

namespace pixell::engine::ecs {

/// AWS's services as a test tells them: answers of each action in a row, the last one for ever. An
/// action without an answer is refused, which no step expects. ELB's answers are told as JSON and
/// go out as XML; what it was asked is its form, flat.
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

  /// The actions that were asked, in order, but those that begin so: reads.
  std::vector<std::string> changes() const {
    std::vector<std::string> made;
    for (const std::string& action : order_)
      if (!action.starts_with("Describe") && !action.starts_with("List") &&
          !action.starts_with("Get"))
        made.push_back(action);
    return made;
  }

  /// Bodies of an action's requests.
  std::vector<nlohmann::json> asked(const std::string& action) const {
    const auto found = asked_.find(action);
    return found == asked_.end() ? std::vector<nlohmann::json>() : found->second;
  }

  aws::FakeOutside world;

 private:
  static constexpr int kMaxCalls = 1000;

  struct Answer {
    int status = 0;
    std::string body{};
  };

  // An answer of a query service: lists have members, an empty one is an empty element.
  static std::string xml(const nlohmann::json& value) {
    std::string text;
    if (value.is_object())
      for (const auto& [name, member] : value.items())
        text += fmt::format("<{0}>{1}</{0}>", name, xml(member));
    else if (value.is_array())
      for (const nlohmann::json& each : value) text += "<member>" + xml(each) + "</member>";
    else if (!value.is_null())
      text = value.is_string() ? value.get<std::string>() : value.dump();
    return text;
  }
  static std::string query_body(const std::string& action, const Answer& answer) {
    const auto body = nlohmann::json::parse(answer.body);
    if (answer.status >= 300)
      return fmt::format(
          "<ErrorResponse><Error><Code>{}</Code><Message>{}</Message></Error></ErrorResponse>",
          body.at("__type").get<std::string>(), body.at("message").get<std::string>());
    return fmt::format("<{0}Response><{0}Result>{1}</{0}Result></{0}Response>", action, xml(body));
  }
  static nlohmann::json form(const std::string& body) {
    nlohmann::json fields = nlohmann::json::object();
    for (std::size_t at = 0; at < body.size();) {
      const std::size_t end = std::min(body.find('&', at), body.size());
      const std::size_t equals = body.find('=', at);
      fields[body.substr(at, equals - at)] =
          percent_decode(body.substr(equals + 1, end - equals - 1)).value_or("?");
      at = end + 1;
    }
    return fields;
  }

  Result<net::FetchReply> reply(const net::FetchRequest& request) {
    std::string action;
    for (const auto& [name, value] : request.headers)
      if (name == "X-Amz-Target") action = value.substr(value.find('.') + 1);
    const bool is_query = action.empty();
    const nlohmann::json asked =
        is_query ? form(request.body) : nlohmann::json::parse(request.body);
    if (is_query) action = asked.at("Action").get<std::string>();
    asked_[action].push_back(asked);
    order_.push_back(action);
    auto& left = answers_[action];
    if (left.empty()) left.push_back({400, R"({"__type":"Unexpected","message":"no answer"})"});
    const Answer next = left.front();
    if (left.size() > 1) left.pop_front();
    if (next.status == 0)
      return Error{.code = ErrorCode::Unavailable, .message = "reset", .retry = Retry::Later};
    return net::FetchReply{.status = next.status,
                           .headers = {},
                           .body = is_query ? query_body(action, next) : next.body};
  }

  std::map<std::string, std::deque<Answer>> answers_;
  std::map<std::string, std::vector<nlohmann::json>> asked_;
  std::vector<std::string> order_;
};

}  // namespace pixell::engine::ecs
