#include "base/json_line.hpp"

#include <charconv>

#include "base/utf8.hpp"

namespace pixell {

namespace {

constexpr std::string_view kEllipsis = "\xE2\x80\xA6";
constexpr std::string_view kNoUtf8 = "\xEF\xBF\xBD";
constexpr std::size_t kLongestEscape = 6;
static_assert(kEllipsis.size() + kLongestEscape == kTextReserve);

}  // namespace

char* put_digits(char* out, std::uint64_t number) {
  return std::to_chars(out, out + 20, number).ptr;
}

char* put_escaped(char* out, std::string_view text, std::size_t room) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const char* const end = out + room - kEllipsis.size() - kLongestEscape;
  for (std::size_t i = 0; i < text.size();) {
    if (out > end) return put(out, kEllipsis);
    const char c = text[i];
    if (c >= ' ' && c <= '~' && c != '"' && c != '\\') {
      *out++ = c;
      ++i;
    } else if (c == '"' || c == '\\') {
      *out++ = '\\';
      *out++ = c;
      ++i;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out = put(out, "\\u00");
      *out++ = kDigits[static_cast<std::size_t>(c >> 4)];
      *out++ = kDigits[static_cast<std::size_t>(c & 15)];
      ++i;
    } else if (const std::size_t length = utf8_length(text, i); length > 0) {
      out = put(out, text.substr(i, length));
      i += length;
    } else {
      out = put(out, kNoUtf8);
      ++i;
    }
  }
  return out;
}

}  // namespace pixell
