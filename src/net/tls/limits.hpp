#pragma once

#include <cstddef>

#include "base/clock.hpp"

namespace pixell::net::tls {

/// Certificates one listener chooses from.
inline constexpr std::size_t kMaxCertificates = 64;
/// A certificate that ends within this time is warned of when it is loaded.
inline constexpr Millis kExpiryNotice{14LL * 24 * 3'600'000};
/// How often the files are looked at for changes. What changed must then rest until the next look,
/// so that a certificate and its key which are replaced one after the other are read together.
inline constexpr Millis kFilePoll{1'000};

/// A session can be resumed for this long.
inline constexpr Millis kSessionLifetime{3'600'000};
/// A ticket key encrypts for this long and decrypts for as long again.
inline constexpr Millis kTicketKeyLifetime{12LL * 3'600'000};

/// Application bytes of one TLS record (RFC 8446 5.1): small pieces are put together up to this.
inline constexpr std::size_t kMaxRecordBytes = 16 * 1024;

/// What is told upstream of a client's certificate; alternative names beyond it are left out.
inline constexpr std::size_t kMaxCertificateTextBytes = 4 * 1024;

}  // namespace pixell::net::tls
