#include "cmd/par/healthcheck.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <string_view>

#include "cmd/par/limits.hpp"
#include "net/client.hpp"
#include "net/event_loop.hpp"

namespace pixell::cmd {

namespace {

Error wrong(std::string message) {
  return make_error(ErrorCode::InvalidArgument, std::move(message));
}

std::string value_of(const par::Environment& env, const char* name) {
  const auto found = env.find(name);
  return found == env.end() ? std::string() : found->second;
}

std::optional<std::string> option(const std::vector<std::string>& arguments,
                                  std::string_view name) {
  for (std::size_t at = 0; at < arguments.size(); ++at) {
    if (arguments[at] == name) return at + 1 < arguments.size() ? arguments[at + 1] : "";
    if (arguments[at].starts_with(std::string(name) + "="))
      return arguments[at].substr(name.size() + 1);
  }
  return std::nullopt;
}

bool is_port(std::string_view text) {
  unsigned number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  return read.ec == std::errc() && read.ptr == text.data() + text.size() && number > 0 &&
         number <= 65535;
}

// par on 0.0.0.0 or [::] answers on the loopback address too.
std::string loopback_of(std::string_view host) {
  if (host.empty() || host == "0.0.0.0" || host == "localhost") return "127.0.0.1";
  if (host == "::" || host == "[::]") return "[::1]";
  if (host.find(':') != host.npos && !host.starts_with('[')) return fmt::format("[{}]", host);
  return std::string(host);
}

Result<HealthTarget> target_of_url(std::string_view url) {
  constexpr std::string_view kHttp = "http://";
  if (!url.starts_with(kHttp)) return wrong("--url must begin with http://");
  url.remove_prefix(kHttp.size());
  const std::size_t slash = url.find('/');
  const std::string_view authority = url.substr(0, slash);
  const std::size_t bracket = authority.rfind(']');
  const std::size_t colon = authority.rfind(':');
  const bool has_port = colon != authority.npos && (bracket == authority.npos || colon > bracket);
  const std::string_view port = has_port ? authority.substr(colon + 1) : "80";
  if (!is_port(port)) return wrong("--url has no port from 1 to 65535");
  HealthTarget target{
      .address = fmt::format("{}:{}", loopback_of(authority.substr(0, colon)), port),
      .path = slash == url.npos ? "/health" : std::string(url.substr(slash))};
  if (!has_port) target.address = fmt::format("{}:80", loopback_of(authority));
  TRY_VOID(net::parse_address(target.address));
  return target;
}

class Question final : public net::ClientHandler {
 public:
  explicit Question(net::EventLoop& loop) : loop_(loop) {}

  void on_head(net::ResponseHead& head) override { status_ = head.status; }
  void on_data(std::string_view bytes) override {
    body_ += bytes.substr(0, kMaxHealthBodyBytes - body_.size());
  }
  void on_end(const net::Headers&) override {
    end(status_ == 200
            ? Result<void>()
            : make_error(ErrorCode::Unavailable, fmt::format("status {}: {}", status_, body_)));
  }
  void on_abort(net::AbortReason reason) override {
    end(make_error(ErrorCode::Unavailable, std::string(net::to_string(reason))));
  }
  void end(Result<void> result) {
    if (!result_) result_ = std::move(result);
    loop_.stop();
  }
  Result<void> result() && {
    return result_ ? std::move(*result_) : make_error(ErrorCode::Internal, "no answer was seen");
  }

 private:
  net::EventLoop& loop_;
  int status_ = 0;
  std::string body_;
  std::optional<Result<void>> result_;
};

}  // namespace

Result<HealthTarget> health_target(const std::vector<std::string>& arguments,
                                   const par::Environment& env) {
  if (const auto url = option(arguments, "--url")) return target_of_url(*url);
  auto port = option(arguments, "--port");
  if (!port) {
    const std::string listen = value_of(env, "REST_LISTEN");
    if (listen.starts_with("unix:")) return HealthTarget{listen, "/health"};
    // "ip:port"; an inherited descriptor has no name to connect to.
    const std::size_t colon = listen.rfind(':');
    if (colon != std::string::npos && !listen.starts_with("fd:"))
      return HealthTarget{
          fmt::format("{}:{}", loopback_of(std::string_view(listen).substr(0, colon)),
                      listen.substr(colon + 1)),
          "/health"};
    port = value_of(env, "REST_PORT");
    if (port->empty()) port = "8080";
  }
  if (!is_port(*port)) return wrong(fmt::format("'{}' is no port from 1 to 65535", *port));
  return HealthTarget{fmt::format("{}:{}", loopback_of(value_of(env, "LISTEN_ADDR")), *port),
                      "/health"};
}

Result<void> ask_health(const HealthTarget& target) {
  TRY(const net::Address address, net::parse_address(target.address));
  TRY(const auto loop, net::EventLoop::create());
  Question question(*loop);
  net::HttpClient client(*loop, {.connect_timeout = kHealthcheckTimeout});
  const net::RequestHead head{.method = "GET",
                              .target = target.path,
                              .scheme = "http",
                              .authority = "localhost",
                              .headers = {}};
  const net::Timer deadline = loop->after(kHealthcheckTimeout, [&question] {
    question.end(make_error(ErrorCode::DeadlineExceeded,
                            fmt::format("no answer within {} ms", kHealthcheckTimeout.count())));
  });
  client.open(address, net::Protocol::Http1, head, question).finish();
  loop->run();
  return std::move(question).result();
}

}  // namespace pixell::cmd
