#pragma once

#include <array>
#include <span>
#include <string_view>

namespace pixell::par {

/// How the bytes of a file are encoded (RFC 9110 8.4.1).
enum class ContentCoding { Identity, Brotli, Gzip };

struct CodingNames {
  ContentCoding coding;
  std::string_view suffix;  ///< of a file that lies beside the one it encodes
  std::string_view name;    ///< as in Content-Encoding
};

/// The codings of files made before, the one that is preferred when a client likes both alike
/// first.
inline constexpr std::array kFileCodings = {
    CodingNames{ContentCoding::Brotli, ".br", "br"},
    CodingNames{ContentCoding::Gzip, ".gz", "gzip"},
};

/// Which of `available` (in the order of kFileCodings, without Identity) a client that sent this
/// Accept-Encoding likes best (RFC 9110 12.5.3): the one of the highest weight, and Identity when
/// the client gives that a higher one. Identity too when nothing is acceptable, as the RFC has it:
/// bytes that were not asked for are better than none. Pure.
ContentCoding preferred_coding(std::string_view accept_encoding,
                               std::span<const ContentCoding> available);

}  // namespace pixell::par
