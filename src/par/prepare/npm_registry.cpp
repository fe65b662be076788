#include "par/prepare/npm_registry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/percent.hpp"

namespace pixell::prepare {

namespace {

// RFC 4648 section 4.
std::string base64(std::string_view data) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t at = 0; at < data.size(); at += 3) {
    const std::size_t count = std::min<std::size_t>(3, data.size() - at);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i)
      bits = bits << 8 | (i < count ? static_cast<unsigned char>(data[at + i]) : 0U);
    for (std::size_t i = 0; i < 4; ++i)
      text += i <= count ? kDigits[bits >> (18 - 6 * i) & 63U] : '=';
  }
  return text;
}

}  // namespace

NpmRegistry npm_registry(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t end = std::min(
      scheme == std::string::npos ? scheme : url.find_first_of("/?#", scheme + 3), url.size());
  const std::size_t sign = url.rfind('@', end);
  if (scheme == std::string::npos || sign == std::string::npos || sign < scheme)
    return {.url = url};
  const std::string user = url.substr(scheme + 3, sign - scheme - 3);
  const std::size_t colon = std::min(user.find(':'), user.size());
  const auto name = percent_decode(user.substr(0, colon));
  const auto password = percent_decode(user.substr(std::min(colon + 1, user.size())));
  std::string place = url.substr(sign + 1);
  if (!place.ends_with('/')) place += '/';
  return {.url = url.substr(0, scheme + 3) + url.substr(sign + 1),
          .credentials =
              fmt::format("//{}:_auth={}\n", place,
                          base64(name.value_or(user) + ":" + password.value_or(std::string())))};
}

}  // namespace pixell::prepare
