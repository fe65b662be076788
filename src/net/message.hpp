#pragma once

#include <string>
#include <string_view>

#include "net/headers.hpp"

namespace pixell::net {

enum class Protocol : unsigned char { Http1, Http2 };

/// The head of a request, the same for HTTP/1.1 and HTTP/2. HTTP/2 pseudo-headers are the members;
/// an HTTP/1 absolute-form target is taken apart into scheme, authority and target (RFC
/// 9112 3.2.2).
struct RequestHead {
  std::string method;
  std::string target;     ///< path and query as sent, starts with '/', or "*"
  std::string scheme;     ///< "https" when encrypted, else what the wire says or "http"
  std::string authority;  ///< Host or :authority
  Headers headers;        ///< without Host
  Protocol protocol = Protocol::Http1;

  /// The part of target before '?'.
  std::string_view path() const { return std::string_view(target).substr(0, target.find('?')); }
  /// The part of target behind '?', or empty.
  std::string_view query() const {
    const auto at = target.find('?');
    return at == std::string::npos ? std::string_view() : std::string_view(target).substr(at + 1);
  }
  /// True for a content-type of application/grpc or application/grpc+….
  bool is_grpc() const;
  /// True when the HTTP/1 request asks for a protocol switch (Connection: upgrade).
  bool is_upgrade() const;
};

struct ResponseHead {
  int status = 200;
  Headers headers;
};

/// A request as it shall be sent, in parts that belong to others: nothing is copied for it. Lives
/// as long as the call it is given to.
struct OutgoingHead {
  OutgoingHead() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): a head is sent as it stands
  OutgoingHead(const RequestHead& head)
      : method(head.method),
        target(head.target),
        scheme(head.scheme),
        authority(head.authority),
        fields(&head.headers),
        is_upgrade(head.is_upgrade()) {}

  std::string_view method;
  std::string_view target;
  std::string_view scheme;
  std::string_view authority;
  const Headers* fields = nullptr;  ///< hop-by-hop fields and Host are left out
  /// Take the place of those in `fields` that have their names; one without a value only takes
  /// theirs away.
  const Headers* added = nullptr;
  bool is_upgrade = false;  ///< asks for a protocol switch

  /// Whether a field of `fields` has to make way for one of `added`.
  bool is_replaced(std::string_view name) const { return added != nullptr && added->has(name); }
};

/// The standard reason phrase ("Not Found"), or "" for an unknown status.
std::string_view reason_phrase(int status);

}  // namespace pixell::net
