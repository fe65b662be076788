#include "api/moments.hpp"

#include <charconv>
#include <chrono>

#include "api/limits.hpp"

namespace pixell::api {

namespace {

// Reads exactly `digits` digits off the front; -1 when they are not there.
int take(std::string_view& text, std::size_t digits) {
  int number = 0;
  const std::string_view part = text.substr(0, digits);
  const auto [end, failed] = std::from_chars(part.data(), part.data() + part.size(), number);
  if (part.size() != digits || failed != std::errc() || end != part.data() + digits || number < 0)
    return -1;
  text.remove_prefix(digits);
  return number;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || !any_of.contains(text.front())) return false;
  text.remove_prefix(1);
  return true;
}

// ".123456" in milliseconds; none when there is no digit behind the dot.
std::optional<std::int64_t> take_fraction(std::string_view& text) {
  if (!take(text, ".,")) return 0;
  std::int64_t millis = 0;
  int digits = 0;
  for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1))
    if (++digits <= 3) millis = millis * 10 + (text.front() - '0');
  for (int i = digits; i < 3; ++i) millis *= 10;
  if (digits == 0) return std::nullopt;
  return millis;
}

// "Z" or "+01:30", in minutes; the text must end there.
std::optional<std::int64_t> take_offset(std::string_view text) {
  if (text == "Z" || text == "z") return 0;
  const bool is_west = text.starts_with('-');
  if (!take(text, "+-")) return std::nullopt;
  const int hours = take(text, 2);
  const bool has_colon = take(text, ":");
  const int minutes = take(text, 2);
  if (hours < 0 || hours > 23 || !has_colon || minutes < 0 || minutes > 59 || !text.empty())
    return std::nullopt;
  return (is_west ? -1 : 1) * (hours * 60 + minutes);
}

}  // namespace

std::optional<UnixMillis> parse_rfc3339(std::string_view text) {
  using namespace std::chrono;
  const int y = take(text, 4);
  bool is_valid = take(text, "-");
  const int m = take(text, 2);
  is_valid = take(text, "-") && is_valid;
  const int d = take(text, 2);
  is_valid = take(text, "Tt ") && is_valid;
  const int hour = take(text, 2);
  is_valid = take(text, ":") && is_valid;
  const int minute = take(text, 2);
  is_valid = take(text, ":") && is_valid;
  const int second = take(text, 2);
  if (!is_valid || y < 0 || m < 1 || d < 1 || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
      second < 0 || second > 60)
    return std::nullopt;
  const auto fraction = take_fraction(text);
  const auto offset = take_offset(text);
  const year_month_day date{year(y), month(unsigned(m)), day(unsigned(d))};
  if (!fraction || !offset || !date.ok()) return std::nullopt;
  const auto minutes_of_day = hour * 60 + minute - *offset;
  return duration_cast<milliseconds>(sys_days(date).time_since_epoch()).count() +
         (minutes_of_day * 60 + second) * 1'000 + *fraction;
}

std::optional<UnixMillis> parse_since(std::string_view text, UnixMillis now) {
  std::int64_t count = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), count);
  const auto rest = text.substr(static_cast<std::size_t>(end - text.data()));
  if (failed != std::errc() || rest.size() != 1 || count < 0) return parse_rfc3339(text);
  const std::int64_t unit = rest == "s"   ? 1
                            : rest == "m" ? 60
                            : rest == "h" ? 3'600
                            : rest == "d" ? 86'400
                                          : 0;
  if (unit == 0 || count > kMaxSinceSeconds / unit) return std::nullopt;
  return now - count * unit * 1'000;
}

}  // namespace pixell::api
