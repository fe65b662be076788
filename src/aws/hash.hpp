#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace pixell::aws {

/// A SHA-256 digest as bytes.
using Digest = std::array<unsigned char, 32>;

/// SHA-256 of a text (FIPS 180-4).
Digest sha256(std::string_view bytes);

/// HMAC-SHA256 (RFC 2104).
Digest hmac_sha256(std::string_view key, std::string_view message);

/// A digest as raw bytes in a string view; valid as long as the digest.
std::string_view bytes_of(const Digest& digest);

/// Lower-case hex of any bytes.
std::string hex(std::string_view bytes);

/// Base 64 with padding (RFC 4648 section 4).
std::string base64(std::string_view bytes);

}  // namespace pixell::aws
