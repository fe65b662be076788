#pragma once

#include <expected>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "net/blocking_service.hpp"

namespace pixell::api {

/// What a handler answers.
struct Reply {
  int status = 200;
  std::string body{};
  std::string content_type = "application/json";
  net::Headers headers{};
  /// When set, the body comes piece by piece: it writes until it is done, the client goes away
  /// (write() fails) or the API stops.
  std::function<void(net::ReplyWriter&)> stream{};
};

/// A value, or the answer that ends the request.
template <class T>
using OrReply = std::expected<T, Reply>;

/// One thing that is wrong with a request.
struct Finding {
  std::string pointer;  ///< JSON pointer into the body, or the name of a parameter
  std::string message;  ///< names the member, its value and the remedy
};
using Findings = std::vector<Finding>;

Reply json_reply(int status, const nlohmann::json& body);
/// RFC 9457, with `error` for the clients that read it.
Reply problem(int status, std::string_view detail);
/// The same with findings, as `details` and as `errors` with their pointers.
Reply problem(int status, std::string_view detail, const Findings& findings);
/// A 400 that tells all findings.
Reply invalid_request(const Findings& findings, std::string_view detail = {});

}  // namespace pixell::api
