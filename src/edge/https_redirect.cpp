#include "edge/https_redirect.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string_view>

#include "edge/limits.hpp"
#include "net/reply.hpp"

namespace pixell::edge {

namespace {

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

// A name as DNS has them, or a number, as RFC 3986 3.2.2 writes them.
bool is_name_byte(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' || c == '_';
}

bool is_ipv6_byte(char c) {
  return std::isxdigit(static_cast<unsigned char>(c)) != 0 || c == ':' || c == '.';
}

// The host of "host", "host:port" or "[v6]:port", with its brackets; empty when it is none of them.
std::string_view host_in(std::string_view authority) {
  const bool is_ipv6 = authority.starts_with('[');
  const std::size_t end =
      std::min(is_ipv6 ? authority.find(']') + 1 : authority.find(':'), authority.size());
  const std::string_view host = authority.substr(0, end);
  const std::string_view rest = authority.substr(end);
  const bool has_good_rest =
      rest.empty() || (rest.front() == ':' && std::ranges::all_of(rest.substr(1), is_digit));
  const bool has_good_host =
      is_ipv6
          ? host.size() > 2 && std::ranges::all_of(host.substr(1, host.size() - 2), is_ipv6_byte)
          : !host.empty() && std::ranges::all_of(host, is_name_byte);
  return has_good_rest && has_good_host && host.size() <= kMaxHostBytes ? host : std::string_view();
}

}  // namespace

std::optional<std::string> https_address(const net::RequestHead& request, std::uint16_t port) {
  const std::string_view host = host_in(request.authority);
  if (host.empty() || !request.target.starts_with('/')) return std::nullopt;
  if (port == kHttpsPort) return fmt::format("https://{}{}", host, request.target);
  return fmt::format("https://{}:{}{}", host, port, request.target);
}

std::unique_ptr<net::StreamHandler> HttpsRedirect::on_request(net::ServerStream& stream) {
  const auto address = https_address(stream.request(), port_);
  if (address) {
    net::Headers more;
    more.add("location", *address);
    net::send_reply(stream, 308, "text/plain", "this is served at https:// only\n", more);
  } else {
    net::send_problem(stream, 400,
                      "this port only leads to https://, and the request names no host (Host) and "
                      "path it could lead to; use https://");
  }
  return net::ignore_body();
}

}  // namespace pixell::edge
