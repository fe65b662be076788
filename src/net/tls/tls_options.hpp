#pragma once

#include <filesystem>
#include <vector>

namespace pixell::net::tls {

/// Where a certificate chain (the server's own first) and its private key are, both PEM.
struct CertificateFiles {
  std::filesystem::path certificate;
  std::filesystem::path key;
};

/// Whether clients must show a certificate of theirs.
enum class ClientAuth : unsigned char {
  None,      ///< it is not asked for
  Optional,  ///< one that is shown must be good
  Required,
};

/// What TLS listeners are served with.
struct TlsOptions {
  /// 1 to kMaxCertificates. The name a client asks for chooses; the first one is for the rest.
  std::vector<CertificateFiles> certificates;
  ClientAuth client_auth = ClientAuth::None;
  std::filesystem::path client_ca;  ///< PEM; must be given with another client_auth than None
};

}  // namespace pixell::net::tls
