#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace pixell::model {

/// Names and values of a process environment. Values may be secrets: never log them.
using Environment = std::map<std::string, std::string>;

/// One value after its placeholders were filled; the limit of one string of execve(2).
inline constexpr std::size_t kMaxEnvironmentValueBytes = 128 * 1024 - 1;
/// Placeholders looked up for one environment before the rest is left as written.
inline constexpr int kMaxPlaceholderLookups = 10'000;
/// Values within values while one placeholder is filled; what lies deeper counts as unknown.
inline constexpr std::size_t kMaxPlaceholderDepth = 100;
/// Skipped lines of a .env file that are told.
inline constexpr std::size_t kMaxSkippedVariables = 20;

/// Reads a .env file: one KEY=VALUE per line, blank lines and lines with # ignored, split at the
/// first =, both sides trimmed, one pair of matching quotes taken off. No multi-line values, no
/// `export`, no comments behind a value. Lines without = or with a malformed key are skipped; the
/// last of equal keys wins. `skipped` is told of malformed keys: ".env:3: 'my-key' is …". A key
/// that could be a piece of a value instead (a line of a key file) is not repeated.
Environment parse_dotenv(std::string_view text, std::vector<std::string>* skipped = nullptr);

/// Where the values of an agent's environment come from, weakest first.
struct EnvironmentLayers {
  Environment base;      ///< PATH, HOME, LANG …
  Environment dotenv;    ///< the package's .env
  Environment manifest;  ///< `environment` of agent.yaml
  Environment deploy;    ///< deploy-time values
  Environment owned;     ///< what the runtime itself sets; wins and is never changed
};

struct ResolvedEnvironment {
  Environment values;
  std::vector<std::string> unresolved;  ///< "NAME" of placeholders left as written
  std::vector<std::string> dropped;     ///< keys left out because their value says "nothing"
};

/// Merges the layers and fills `${NAME}` and `${NAME:-default}` in the values of .env, manifest and
/// deploy. A name is looked up in .env, deploy, owned, manifest and base, in this order; cycles,
/// unknown names without default and what is over a limit are left as written. Values that say
/// "nothing" are left out: the texts None and null, and for DB_PORT, DB_HOST and DB_NAME (programs
/// make numbers of them) also the empty text and none or null in any case. They do not
/// hide a weaker layer's value either.
ResolvedEnvironment resolve_environment(const EnvironmentLayers& layers);

}  // namespace pixell::model
