#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "net/stream.hpp"

namespace pixell::edge {

/// The https:// address of what a plain request asked for: its host, without its port, `port`
/// unless that is 443, and its target. nullopt when the host is no name or number, or the target no
/// path (OPTIONS *).
std::optional<std::string> https_address(const net::RequestHead& request, std::uint16_t port);

/// Answers every request with 308 to its https:// address, whatever the method and the path. The
/// host is the one the client asked for, so that nobody is led to another than they named.
class HttpsRedirect final : public net::Service {
 public:
  /// `port` is where TLS is spoken.
  explicit HttpsRedirect(std::uint16_t port) : port_(port) {}
  std::unique_ptr<net::StreamHandler> on_request(net::ServerStream& stream) override;

 private:
  const std::uint16_t port_;
};

}  // namespace pixell::edge
