#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "net/tls/certified_key.hpp"
#include "net/tls/openssl.hpp"
#include "net/tls/ticket_keys.hpp"
#include "net/tls/tls_options.hpp"

// Internal to net/tls: what handshakes need of the certificates in force.

namespace pixell::net::tls {

/// What Contexts are made of.
struct ContextParts {
  /// The first one is for clients that ask for no name, or an unknown one. Null ones are left out.
  std::vector<std::shared_ptr<const CertifiedKey>> keys;
  ClientAuth client_auth = ClientAuth::None;
  /// Who may have signed the clients' certificates; null without client_auth.
  std::shared_ptr<const std::vector<X509Ptr>> client_ca;
};

/// One SSL_CTX for each certificate, and which of them a name chooses (RFC 6066 3). Immutable;
/// a handshake keeps the Contexts it began with.
class Contexts {
 public:
  /// `tickets` outlives every context. Null without a key. InvalidArgument when OpenSSL takes a
  /// certificate or a key not for good enough.
  static Result<std::shared_ptr<const Contexts>> build(const ContextParts& parts,
                                                       TicketKeys& tickets);

  /// For a new connection.
  SSL_CTX* initial() const { return contexts_.front().get(); }
  /// The context of an exact name, or of a wildcard for its first label; initial() for others.
  SSL_CTX* find(std::string_view name) const;

 private:
  Contexts() = default;
  void add_names(const CertifiedKey& key, SSL_CTX* context);

  std::vector<SslContextPtr> contexts_;
  std::unordered_map<std::string, SSL_CTX*> exact_;
  std::unordered_map<std::string, SSL_CTX*> wildcard_;  // of "*.a.b": ".a.b"
};

}  // namespace pixell::net::tls
