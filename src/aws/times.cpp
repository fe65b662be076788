#include "aws/times.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <string>

namespace pixell::aws {

namespace {

std::optional<UnixMillis> millis_of(std::tm moment) {
  const bool is_plausible = moment.tm_mon >= 0 && moment.tm_mon < 12 && moment.tm_mday >= 1 &&
                            moment.tm_mday <= 31 && moment.tm_hour <= 23 && moment.tm_min <= 59 &&
                            moment.tm_sec <= 60 && moment.tm_hour >= 0 && moment.tm_min >= 0 &&
                            moment.tm_sec >= 0 && moment.tm_year >= 0;
  if (!is_plausible) return std::nullopt;
  return UnixMillis{::timegm(&moment)} * 1000;
}

}  // namespace

std::optional<UnixMillis> parse_http_date(std::string_view text) {
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  std::tm moment{};
  char month[4] = {};
  int end = 0;
  const std::string copy(text.substr(0, 40));
  if (std::sscanf(copy.c_str(), "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n",
                  &moment.tm_mday, month, &moment.tm_year, &moment.tm_hour, &moment.tm_min,
                  &moment.tm_sec, &end) != 6 ||
      end == 0)
    return std::nullopt;
  const std::size_t at = kMonths.find(month);
  if (at == kMonths.npos || at % 3 != 0 || std::string_view(month).size() != 3) return std::nullopt;
  moment.tm_mon = static_cast<int>(at / 3);
  moment.tm_year -= 1900;
  return millis_of(moment);
}

std::optional<UnixMillis> parse_iso_time(std::string_view text) {
  std::tm moment{};
  int end = 0;
  const std::string copy(text.substr(0, 40));
  if (std::sscanf(copy.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &moment.tm_year, &moment.tm_mon,
                  &moment.tm_mday, &moment.tm_hour, &moment.tm_min, &moment.tm_sec, &end) != 6)
    return std::nullopt;
  std::string_view rest = std::string_view(copy).substr(static_cast<std::size_t>(end));
  if (rest.starts_with('.'))
    rest.remove_prefix(std::min(rest.find_first_not_of("0123456789", 1), rest.size()));
  if (rest != "Z" && rest != "+00:00") return std::nullopt;
  moment.tm_year -= 1900;
  moment.tm_mon -= 1;
  return millis_of(moment);
}

}  // namespace pixell::aws
