#pragma once

#include <filesystem>
#include <stop_token>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "net/limits.hpp"

namespace pixell::net {

/// One request to a program of this machine that listens on a Unix socket.
struct LocalRequest {
  std::filesystem::path socket;
  std::string method = "GET";
  std::string target;        ///< path and query
  std::string content_type;  ///< of `body`; empty = there is no body
  std::string body;
  Millis timeout{30'000};  ///< for the whole exchange
  std::size_t max_body_bytes = kMaxLocalReplyBytes;
  std::stop_token stop;
};

struct LocalReply {
  int status = 0;
  std::string body;
};

/// Performs the request over HTTP/1.1 and waits for all of its reply, on a loop of its own: never
/// called on a loop thread. For processes that serve requests, where libcurl
/// (client/http_fetch.hpp) and what it loads would take 4 MiB. Any HTTP status is a reply; errors
/// are for no reply: Unavailable (nobody listens, or the connection broke), DeadlineExceeded,
/// Cancelled, ResourceExhausted (a longer body).
Result<LocalReply> fetch_local(const LocalRequest& request);

}  // namespace pixell::net
