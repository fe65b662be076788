#include "cmd/pac/control_link.hpp"

#include <fmt/format.h>

#include <utility>

#include "cmd/pac/limits.hpp"
#include "net/client/http_fetch.hpp"
#include "net/limits.hpp"
#include "net/local_fetch.hpp"
#include "net/url.hpp"

namespace pixell::cmd {

namespace {

constexpr std::string_view kScheme = "https://";

class SocketLink final : public ControlLink {
 public:
  explicit SocketLink(std::filesystem::path socket) : socket_(std::move(socket)) {}

  Result<ControlReply> ask(ControlRequest request) override {
    TRY(net::LocalReply reply, net::fetch_local({.socket = socket_,
                                                 .method = std::move(request.method),
                                                 .target = std::move(request.target),
                                                 .content_type = std::move(request.content_type),
                                                 .body = std::move(request.body),
                                                 .timeout = request.timeout,
                                                 .stop = std::move(request.stop)}));
    return ControlReply{.status = reply.status, .body = std::move(reply.body)};
  }

 private:
  std::filesystem::path socket_;
};

class TlsLink final : public ControlLink {
 public:
  explicit TlsLink(RemoteControl control) : control_(std::move(control)) {}

  Result<ControlReply> ask(ControlRequest request) override {
    net::FetchRequest fetch{.method = std::move(request.method),
                            .url = control_.url + request.target,
                            .unix_socket = {},
                            .headers = {},
                            .body = std::move(request.body),
                            .timeout = request.timeout,
                            .connect_timeout = kControlConnectTimeout,
                            .max_body_bytes = net::kMaxLocalReplyBytes,
                            .ca_file = control_.files.ca.string(),
                            .client_certificate = control_.files.certificate.string(),
                            .client_key = control_.files.key.string(),
                            .sink = {},
                            .on_head = {},
                            .allow_address = {},
                            .stop = std::move(request.stop)};
    if (!request.content_type.empty())
      fetch.headers.emplace_back("content-type", std::move(request.content_type));
    auto reply = fetcher_.fetch(fetch);
    if (reply) return ControlReply{.status = reply->status, .body = std::move(reply->body)};
    if (reply.error().code == ErrorCode::Unauthenticated)
      reply.error().message += fmt::format(
          "; --control {} must be a name of control's certificate, {} (--control-ca) "
          "must hold who signed it, and {} (--control-cert) be of who control takes "
          "(its --edge-client-ca)",
          control_.url, control_.files.ca.string(), control_.files.certificate.string());
    return std::move(reply).error();
  }

 private:
  RemoteControl control_;
  net::Fetcher fetcher_;
};

}  // namespace

std::unique_ptr<ControlLink> make_socket_link(std::filesystem::path socket) {
  return std::make_unique<SocketLink>(std::move(socket));
}

Result<std::string> parse_control_url(const std::string& text) {
  std::string url = text;
  if (url.ends_with('/')) url.pop_back();
  const bool is_https = url.starts_with(kScheme);
  const std::string_view authority =
      is_https ? std::string_view(url).substr(kScheme.size()) : std::string_view();
  const bool is_authority = authority.find_first_of("/?#@ ") == std::string_view::npos &&
                            !net::host_of(authority).empty();
  if (is_authority) return url;
  return make_error(
      ErrorCode::InvalidArgument,
      fmt::format("--control '{}' must be https://HOST:PORT, where `pac serve --edge-listen` "
                  "listens",
                  text));
}

std::unique_ptr<ControlLink> make_tls_link(RemoteControl control) {
  return std::make_unique<TlsLink>(std::move(control));
}

}  // namespace pixell::cmd
