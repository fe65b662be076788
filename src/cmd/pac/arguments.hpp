#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/rollout.hpp"
#include "model/routes.hpp"

// What people type on the command line, and the same values as they are shown again. All pure;
// a malformed text is InvalidArgument, with an example of a good one.

namespace pixell::cmd {

/// "90s", "15m", "2h", "1d" or a number of seconds.
Result<std::int64_t> parse_seconds(std::string_view text);
/// "500ms" or a duration of parse_seconds(); in milliseconds.
Result<std::int64_t> parse_millis(std::string_view text);
/// "512KiB", "10MiB", "1GiB" or a number of bytes.
Result<std::int64_t> parse_bytes(std::string_view text);
/// "rest=60s,a2a=0,ui=10s,idle=5m": `now` with those that are named; 0 = none.
Result<model::SurfaceTimeouts> parse_timeouts(std::string_view text,
                                              model::SurfaceTimeouts now = {});
/// "5%", "12.5%": a share in thousandths, 0 to 1000.
Result<int> parse_permille(std::string_view text);
/// "5%:60s,25%:60s"
Result<std::vector<model::CanaryStep>> parse_canary_steps(std::string_view text);
/// "12=90%,13=10%": revisions and their shares.
using Split = std::vector<std::pair<std::int64_t, int>>;
Result<Split> parse_split(std::string_view text);
/// "13=10%": the revision that a share of the requests is mirrored to; `now` has the rest.
Result<model::Mirror> parse_mirror(std::string_view text, model::Mirror now = {});
/// "NAME=value"; the value may be empty and may hold '='.
Result<std::pair<std::string, std::string>> parse_assignment(std::string_view text);
/// "next=13": a tag and the revision that gets it.
Result<std::pair<std::string, std::int64_t>> parse_tag(std::string_view text);
/// "none", "cookie", "cookie:name", "header:name"
Result<model::Stickiness> parse_sticky(std::string_view text);

/// The moment of "2026-11-23T10:00:00.123Z", as the API writes times; nullopt when it is none.
std::optional<UnixMillis> parse_iso8601(std::string_view text);

/// 125 as "12.5%".
std::string show_permille(std::int64_t permille);
/// A duration as it is typed: "500ms", "90s", "5m".
std::string show_typed_duration(std::int64_t millis);
/// A duration with as many digits as say something: "2 ms", "4.2 s", "3 m 10 s", "2 h 5 m", "4 d".
std::string show_duration(std::int64_t millis);
/// How long ago a moment was that the API wrote; "-" for what is none.
std::string show_age(std::string_view iso, UnixMillis now);
/// "512 B", "1.5 KiB", "20 MiB"
std::string show_bytes(std::int64_t bytes);

/// "?a=b&c=d" of those that are not empty; empty without any.
std::string query_of(const std::vector<std::pair<std::string_view, std::string>>& parameters);

}  // namespace pixell::cmd
