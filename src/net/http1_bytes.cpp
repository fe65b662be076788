#include "net/http1_bytes.hpp"

#include "net/http1_parser.hpp"

namespace pixell::net {

namespace {

constexpr std::uint64_t kOnes = 0x0101010101010101;
constexpr std::uint64_t kHighs = 0x8080808080808080;

constexpr auto kAuthorityBytes = make_table("-._~!$&'()*+,;=%:[]");  // RFC 3986 3.2, no userinfo

bool all_in(const std::array<bool, 256>& table, std::string_view text) {
  for (const char c : text) {
    if (!table[static_cast<unsigned char>(c)]) return false;
  }
  return true;
}

// True when a byte of the eight is below `limit` (at most 128) or is DEL.
bool has_control(std::uint64_t word, std::uint64_t limit) {
  const std::uint64_t below = (word - kOnes * limit) & ~word & kHighs;
  const std::uint64_t del = word ^ (kOnes * 0x7f);
  return (below | ((del - kOnes) & ~del & kHighs)) != 0;
}

// has_control() for a text of eight bytes or more; the last word may overlap the one before.
bool any_word(std::string_view text, std::uint64_t limit) {
  const char* const last = text.data() + text.size() - 8;
  std::uint64_t word;
  for (const char* at = text.data(); at < last; at += 8) {
    std::memcpy(&word, at, 8);
    if (has_control(word, limit)) return true;
  }
  std::memcpy(&word, last, 8);
  return has_control(word, limit);
}

}  // namespace

bool is_token(std::string_view text) { return !text.empty() && all_in(kTokenBytes, text); }

bool is_authority(std::string_view text) { return all_in(kAuthorityBytes, text); }

bool is_field_value(std::string_view text) {
  const char* const end = text.data() + text.size();
  return find_control(text.data(), end) == end;
}

bool is_target(std::string_view text) {
  if (text.empty() || text.find('#') != std::string_view::npos) return false;
  if (text.size() >= 8) return !any_word(text, 0x21);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7f) return false;
  }
  return true;
}

}  // namespace pixell::net
