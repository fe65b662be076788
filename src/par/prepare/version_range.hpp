#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace pixell::prepare {

/// A version as far as runtimes name it.
struct Version {
  int major = 0;
  int minor = 0;
  auto operator<=>(const Version&) const = default;
};

/// What a manifest's runtime says about versions: "3.11", ">=3.8,<4", "<=20", "!=3.9".
struct VersionRange {
  Version least;                 ///< 0.0 = any
  bool is_range = false;         ///< written with an operator: newer ones are meant too
  std::optional<Version> below;  ///< the first that is too new

  bool is_too_new(Version version) const { return below && version >= *below; }
};

/// Reads the first lower bound and the first upper one; versions that are excluded ("!=3.9") say
/// nothing. Never fails: without a number everything is wanted.
VersionRange read_version_range(std::string_view text);

/// "3.11 or newer", "3.8 or newer and older than 4.0", "older than 3.12"; empty when any will do.
/// `has_minor` false leaves minor versions out.
std::string describe(const VersionRange& range, bool has_minor);

}  // namespace pixell::prepare
