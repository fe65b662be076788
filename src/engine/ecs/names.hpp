#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace pixell::engine::ecs {

/// An app's services, of which one takes over from the other.
enum class Slot { A, B };
inline constexpr int kSlots = 2;

/// What a target group leads to.
enum class Surface { Rest, Grpc };

std::string_view to_string(Slot slot);

/// How names begin.
struct NamePrefixes {
  std::string service = "agent-";    ///< services, families, secrets
  std::string target_group = "ag-";  ///< target groups, whose names are short
};

/// InvalidArgument, with the remedy, for a prefix with which no name could be made.
Result<void> check_prefixes(const NamePrefixes& prefixes);

/// The names of an app's resources. Any id gives names that AWS allows; two ids, or the two slots
/// of one, never give the same, not even where AWS ignores case. The same id always gives the same.
class Names {
 public:
  /// `installation` tells target groups of installations apart that share a region; the prefixes
  /// have been checked.
  Names(std::string installation, NamePrefixes prefixes)
      : installation_(std::move(installation)), prefixes_(std::move(prefixes)) {}

  /// "agent-<id>": the family of task definitions, the secret, the prefix of log streams. An id in
  /// capitals, one that ends like a second slot and one that looks like a digest is
  /// "<id>-h<digest>".
  std::string app(std::string_view app_id) const;

  /// "agent-<id>", and "agent-<id>-b".
  std::string service(std::string_view app_id, Slot slot) const;

  /// "ag-<digest>-ar": slot and surface. What cannot be changed of a target group is in the digest,
  /// so that another one has another name.
  std::string target_group(std::string_view app_id, Slot slot, Surface surface,
                           std::string_view fixed) const;

  /// The name in Cloud Map: as app(), but one label of at most 63 characters (RFC 1035).
  std::string discovery(std::string_view app_id) const;

  const std::string& installation() const { return installation_; }

 private:
  const std::string installation_;
  const NamePrefixes prefixes_;
};

/// A token by which AWS knows the same request again: equal for equal texts.
std::string client_token(std::string_view text);

/// Hex digits of a text's SHA-256.
std::string digest_of(std::string_view text, std::size_t digits);

}  // namespace pixell::engine::ecs
