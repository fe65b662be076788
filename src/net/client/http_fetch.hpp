#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace pixell::net {

struct FetchReply;

/// One blocking HTTP request (libcurl). For the control plane and boot; never on a loop thread.
struct FetchRequest {
  std::string method = "GET";
  std::string url;          ///< http:// or https://; with unix_socket the host is ignored
  std::string unix_socket;  ///< path of a Unix socket to speak through, or empty
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string_view large_body{};  ///< in place of `body`, not copied: the caller's, until the end
  Millis timeout{30'000};         ///< for the whole exchange
  Millis connect_timeout{5'000};
  Millis stall_timeout{0};  ///< nothing moves for so long = DeadlineExceeded; 0 = may be
  int max_redirects = 0;    ///< 0 = a redirect is returned as it came
  std::size_t max_body_bytes = 16 * 1024 * 1024;  ///< more = ResourceExhausted
  std::string ca_file;  ///< whom to trust, and nobody else; empty = SSL_CERT_FILE and the
                        ///< system's
  std::string client_certificate;  ///< PEM file that is shown to the server, or empty
  std::string client_key;          ///< PEM file of its private key
  /// When set, body bytes of a success (2xx) go here instead of into FetchReply::body. An error
  /// ends the fetch. Of another status FetchReply::body has the beginning, kMaxRefusalBytes at
  /// most.
  std::function<Result<void>(std::string_view)> sink;
  /// Told status and headers before the sink gets its first byte; an error ends the fetch.
  std::function<Result<void>(const FetchReply& head)> on_head;
  /// Asked before each connection with the numeric address about to be used (SSRF guard).
  std::function<Result<void>(std::string_view address)> allow_address;
  std::stop_token stop;
};

struct FetchReply {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
  std::string body;
  std::optional<std::string> header(std::string_view lower_case_name) const;
};

/// Performs the request. Any HTTP status is a reply; errors are for no reply: Unavailable (could
/// not connect), DeadlineExceeded, Cancelled, ResourceExhausted, PermissionDenied (address
/// refused), Unauthenticated (the server's certificate, or ours, is not good).
Result<FetchReply> fetch(const FetchRequest& request);

/// Performs requests one after the other, and keeps the connection for the next one to the same
/// server. One thread at a time.
class Fetcher {
 public:
  Fetcher();
  Fetcher(const Fetcher&) = delete;
  Fetcher& operator=(const Fetcher&) = delete;
  ~Fetcher();
  /// As the function of this name.
  Result<FetchReply> fetch(const FetchRequest& request);

 private:
  struct Kept;
  std::unique_ptr<Kept> kept_;  // null until the first request
};

}  // namespace pixell::net
