#include "par/prepare/version_range.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace pixell::prepare {

namespace {

constexpr std::string_view kOperators = "<>=!~^";
constexpr std::string_view kDigits = "0123456789";

// The numbers at the beginning of `text`, which becomes shorter by the whole version.
struct Numbers {
  std::array<int, 3> values{};
  std::size_t count = 0;
};

Numbers take_numbers(std::string_view& text) {
  Numbers found;
  while (found.count < found.values.size()) {
    const auto read =
        std::from_chars(text.data(), text.data() + text.size(), found.values.at(found.count));
    if (read.ptr == text.data()) break;
    text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
    ++found.count;
    if (!text.starts_with('.')) break;
    text.remove_prefix(1);
  }
  text.remove_prefix(std::min(text.find_first_not_of("0123456789.*"), text.size()));
  return found;
}

// The first version that an upper bound shuts out. A patch version cannot be told: its minor one
// is let in.
Version first_too_new(const Numbers& bound, bool is_included) {
  const Version version{.major = bound.values[0], .minor = bound.values[1]};
  if (is_included && bound.count == 1) return {.major = version.major + 1, .minor = 0};
  if (is_included || bound.values[2] > 0)
    return {.major = version.major, .minor = version.minor + 1};
  return version;
}

std::string shown(Version version, bool has_minor) {
  return has_minor ? fmt::format("{}.{}", version.major, version.minor)
                   : fmt::to_string(version.major);
}

}  // namespace

VersionRange read_version_range(std::string_view text) {
  VersionRange range;
  bool has_least = false;
  while (true) {
    const std::size_t digit = text.find_first_of(kDigits);
    if (digit == std::string_view::npos) return range;
    std::string_view sign = text.substr(0, digit);
    // ">= v18" is ">=18".
    while (sign.ends_with(' ') || sign.ends_with('v')) sign.remove_suffix(1);
    const std::size_t before = sign.find_last_not_of(kOperators);
    if (before != std::string_view::npos) sign.remove_prefix(before + 1);
    text.remove_prefix(digit);
    const Numbers numbers = take_numbers(text);
    if (sign.contains('!')) continue;
    if (sign.contains('<')) {
      if (!range.below) range.below = first_too_new(numbers, sign.contains('='));
    } else if (!has_least) {
      has_least = true;
      range.least = {.major = numbers.values[0], .minor = numbers.values[1]};
      range.is_range = sign.find_first_of(">~^") != std::string_view::npos;
    }
  }
}

std::string describe(const VersionRange& range, bool has_minor) {
  std::string text;
  if (range.least != Version()) text = shown(range.least, has_minor) + " or newer";
  if (!range.below) return text;
  if (!text.empty()) text += " and ";
  return text + "older than " + shown(*range.below, has_minor);
}

}  // namespace pixell::prepare
