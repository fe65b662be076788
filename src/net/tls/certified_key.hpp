#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "net/tls/openssl.hpp"
#include "net/tls/tls_options.hpp"

// Internal to net/tls: a certificate and its key as they are read from files.

namespace pixell::net::tls {

/// A certificate that belongs to its key. Immutable; shared by all handshakes.
struct CertifiedKey {
  X509Ptr certificate;
  std::vector<X509Ptr> chain;  ///< what leads to the root, without the certificate itself
  KeyPtr key;
  std::vector<std::string> names;  ///< DNS names of its subjectAltName, lower case; "*.…" too
  UnixMillis not_before = 0;
  UnixMillis not_after = 0;
};

/// Errors name the file and what to do.
Result<CertifiedKey> load_certified_key(const CertificateFiles& files);

/// The authorities of a PEM file, one at least. Errors name the file and what to do.
Result<std::vector<X509Ptr>> load_authorities(const std::filesystem::path& file);

/// PeerInfo::certificate: what the upstream is told of a client's certificate.
std::string describe_client(X509& certificate);

}  // namespace pixell::net::tls
