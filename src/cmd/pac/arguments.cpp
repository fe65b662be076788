#include "cmd/pac/arguments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>

#include "base/percent.hpp"
#include "model/traffic.hpp"

namespace pixell::cmd {

namespace {

Error malformed(std::string_view text, std::string_view what, std::string_view example) {
  return make_error(ErrorCode::InvalidArgument,
                    fmt::format("'{}' is not {}; give it like {}", text, what, example));
}

// A whole number that is all of the text.
std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc() || end != text.data() + text.size() || text.empty() || number < 0)
    return std::nullopt;
  return number;
}

std::vector<std::string_view> parts_of(std::string_view text) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t comma = text.find(',');
    parts.push_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

// The two sides of the first `mark`.
std::optional<std::pair<std::string_view, std::string_view>> sides_of(std::string_view text,
                                                                      char mark) {
  const std::size_t at = text.find(mark);
  if (at == std::string_view::npos || at == 0) return std::nullopt;
  return std::pair(text.substr(0, at), text.substr(at + 1));
}

std::optional<std::int64_t> revision_of(std::string_view text) {
  const auto number = whole_number(text);
  return number && *number > 0 ? number : std::nullopt;
}

constexpr std::int64_t kMaxSeconds = 10LL * 365 * 86'400;  // ten years: no sum overflows

}  // namespace

Result<std::int64_t> parse_seconds(std::string_view text) {
  std::int64_t factor = 1;
  std::string_view digits = text;
  constexpr std::array kUnits = {std::pair('s', 1), std::pair('m', 60), std::pair('h', 3'600),
                                 std::pair('d', 86'400)};
  for (const auto& [unit, seconds] : kUnits) {
    if (!text.ends_with(unit)) continue;
    factor = seconds;
    digits.remove_suffix(1);
  }
  const auto number = whole_number(digits);
  if (!number || *number > kMaxSeconds / factor) return malformed(text, "a duration", "90s or 5m");
  return *number * factor;
}

Result<std::int64_t> parse_millis(std::string_view text) {
  if (text.ends_with("ms")) {
    const auto number = whole_number(text.substr(0, text.size() - 2));
    if (!number) return malformed(text, "a duration", "500ms or 2s");
    return *number;
  }
  const auto seconds = parse_seconds(text);
  if (!seconds) return malformed(text, "a duration", "500ms or 2s");
  return *seconds * 1000;
}

Result<std::int64_t> parse_bytes(std::string_view text) {
  int shift = 0;
  std::string_view digits = text;
  constexpr std::array kUnits = {std::pair("KiB", 10), std::pair("MiB", 20), std::pair("GiB", 30),
                                 std::pair("TiB", 40)};
  for (const auto& [unit, bits] : kUnits) {
    if (!text.ends_with(unit)) continue;
    shift = bits;
    digits.remove_suffix(std::string_view(unit).size());
  }
  const auto number = whole_number(digits);
  if (!number || *number > (std::numeric_limits<std::int64_t>::max() >> shift))
    return malformed(text, "a size", "512KiB or 10MiB");
  return *number << shift;
}

Result<model::SurfaceTimeouts> parse_timeouts(std::string_view text, model::SurfaceTimeouts now) {
  const std::array kMembers = {std::pair("rest", &now.rest_ms), std::pair("a2a", &now.a2a_ms),
                               std::pair("ui", &now.ui_ms), std::pair("idle", &now.idle_ms)};
  for (const std::string_view part : parts_of(text)) {
    const auto sides = sides_of(part, '=');
    const auto member = std::find_if(kMembers.begin(), kMembers.end(), [&](const auto& known) {
      return sides && known.first == sides->first;
    });
    if (member == kMembers.end())
      return malformed(part, "a timeout of rest, a2a, ui or idle", "rest=60s,idle=5m");
    TRY(*member->second, parse_millis(sides->second));
  }
  return now;
}

Result<int> parse_permille(std::string_view text) {
  const Error wrong = malformed(text, "a share", "5% or 12.5%, at most 100%");
  if (!text.ends_with('%')) return wrong;
  const std::string_view number = text.substr(0, text.size() - 1);
  const std::size_t point = std::min(number.find('.'), number.size());
  const auto whole = whole_number(number.substr(0, point));
  const auto tenths = point == number.size() ? std::optional<std::int64_t>(0)
                                             : whole_number(number.substr(point + 1));
  if (!whole || !tenths || *tenths > 9 || *whole > 100) return wrong;
  const std::int64_t permille = *whole * 10 + *tenths;
  if (permille > model::kWholeTraffic) return wrong;
  return static_cast<int>(permille);
}

Result<std::vector<model::CanaryStep>> parse_canary_steps(std::string_view text) {
  std::vector<model::CanaryStep> steps;
  for (const std::string_view part : parts_of(text)) {
    const auto sides = sides_of(part, ':');
    if (!sides) return malformed(part, "a step", "5%:60s,25%:60s");
    model::CanaryStep step;
    TRY(step.weight_permille, parse_permille(sides->first));
    TRY(step.seconds, parse_seconds(sides->second));
    steps.push_back(step);
  }
  return steps;
}

Result<Split> parse_split(std::string_view text) {
  Split split;
  int total = 0;
  for (const std::string_view part : parts_of(text)) {
    const auto sides = sides_of(part, '=');
    const auto revision = sides ? revision_of(sides->first) : std::nullopt;
    if (!revision) return malformed(part, "a revision and its share", "12=90%,13=10%");
    TRY(const int share, parse_permille(sides->second));
    for (const auto& [known, ignored] : split)
      if (known == *revision)
        return malformed(text, "a split: a revision is twice in it", "12=90%,13=10%");
    split.emplace_back(*revision, share);
    total += share;
  }
  if (total != model::kWholeTraffic)
    return make_error(ErrorCode::InvalidArgument,
                      fmt::format("the shares of '{}' add up to {}; they must be 100% together",
                                  text, show_permille(total)));
  return split;
}

Result<model::Mirror> parse_mirror(std::string_view text, model::Mirror now) {
  const auto sides = sides_of(text, '=');
  const auto revision = sides ? revision_of(sides->first) : std::nullopt;
  if (!revision) return malformed(text, "a revision and its share", "13=10%");
  now.revision = *revision;
  TRY(now.permille, parse_permille(sides->second));
  return now;
}

Result<std::pair<std::string, std::string>> parse_assignment(std::string_view text) {
  const auto sides = sides_of(text, '=');
  if (!sides) return malformed(text.substr(0, text.find('=')), "a variable", "NAME=value");
  return std::pair(std::string(sides->first), std::string(sides->second));
}

Result<std::pair<std::string, std::int64_t>> parse_tag(std::string_view text) {
  const auto sides = sides_of(text, '=');
  const auto revision = sides ? revision_of(sides->second) : std::nullopt;
  if (!revision || !model::is_tag(sides->first))
    return malformed(text, "a tag and its revision", "next=13 (letters a-z, digits, -)");
  return std::pair(std::string(sides->first), *revision);
}

Result<model::Stickiness> parse_sticky(std::string_view text) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  const std::string_view by = text.substr(0, colon);
  const std::string name(colon < text.size() ? text.substr(colon + 1) : std::string_view());
  if (text == "none") return model::Stickiness{};
  if (by == "cookie" && (colon == text.size() || !name.empty()))
    return model::Stickiness{.by = model::StickyBy::Cookie, .name = name};
  if (by == "header" && !name.empty())
    return model::Stickiness{.by = model::StickyBy::Header, .name = name};
  return malformed(text, "a stickiness", "none, cookie, cookie:name or header:name");
}

std::optional<UnixMillis> parse_iso8601(std::string_view text) {
  // 2026-11-23T10:00:00.123Z
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' ||
      text[16] != ':' || text.back() != 'Z')
    return std::nullopt;
  const auto year = whole_number(text.substr(0, 4)), month = whole_number(text.substr(5, 2)),
             day = whole_number(text.substr(8, 2)), hour = whole_number(text.substr(11, 2)),
             minute = whole_number(text.substr(14, 2)), second = whole_number(text.substr(17, 2));
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  UnixMillis millis = 0;
  if (text[19] == '.') {
    std::string digits(text.substr(20, text.size() - 21));
    digits.resize(3, '0');
    const auto fraction = whole_number(digits);
    if (!fraction) return std::nullopt;
    millis = *fraction;
  }
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return ((days * 24 + *hour) * 60 + *minute) * 60'000 + *second * 1000 + millis;
}

std::string show_permille(std::int64_t permille) {
  return permille % 10 == 0 ? fmt::format("{}%", permille / 10)
                            : fmt::format("{}.{}%", permille / 10, permille % 10);
}

std::string show_typed_duration(std::int64_t millis) {
  constexpr std::array kUnits = {std::pair("h", 3'600'000), std::pair("m", 60'000),
                                 std::pair("s", 1'000)};
  for (const auto& [unit, factor] : kUnits)
    if (millis % factor == 0) return fmt::format("{}{}", millis / factor, unit);
  return fmt::format("{}ms", millis);
}

std::string show_duration(std::int64_t millis) {
  if (millis < 1000) return fmt::format("{} ms", millis);
  if (millis < 60'000) return fmt::format("{}.{} s", millis / 1000, millis % 1000 / 100);
  const std::int64_t seconds = millis / 1000;
  if (seconds < 3'600) return fmt::format("{} m {} s", seconds / 60, seconds % 60);
  if (seconds < 86'400) return fmt::format("{} h {} m", seconds / 3'600, seconds % 3'600 / 60);
  return fmt::format("{} d", seconds / 86'400);
}

std::string show_age(std::string_view iso, UnixMillis now) {
  const auto at = parse_iso8601(iso);
  if (!at) return "-";
  const std::int64_t seconds = std::max<std::int64_t>(0, (now - *at) / 1000);
  if (seconds < 60) return fmt::format("{} s ago", seconds);
  if (seconds < 3'600) return fmt::format("{} m ago", seconds / 60);
  if (seconds < 86'400) return fmt::format("{} h ago", seconds / 3'600);
  return fmt::format("{} d ago", seconds / 86'400);
}

std::string show_bytes(std::int64_t bytes) {
  constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  double amount = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; amount >= 1024 && unit + 1 < kUnits.size(); ++unit) amount /= 1024;
  if (unit == 0 || amount >= 10) return fmt::format("{:.0f} {}", amount, kUnits[unit]);
  return fmt::format("{:.1f} {}", amount, kUnits[unit]);
}

std::string query_of(const std::vector<std::pair<std::string_view, std::string>>& parameters) {
  std::string query;
  for (const auto& [name, value] : parameters)
    if (!value.empty())
      query += fmt::format("{}{}={}", query.empty() ? '?' : '&', name, percent_encode(value));
  return query;
}

}  // namespace pixell::cmd
