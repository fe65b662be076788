#include "engine/ecs/names.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "aws/hash.hpp"
#include "engine/ecs/limits.hpp"

namespace pixell::engine::ecs {

namespace {

constexpr std::string_view kSecondSlot = "-b";
constexpr std::string_view kDigestMark = "-h";

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

bool has_digest(std::string_view name) {
  if (name.size() < kNameDigest + kDigestMark.size()) return false;
  const std::string_view digest = name.substr(name.size() - kNameDigest);
  return std::all_of(digest.begin(), digest.end(), is_hex) &&
         name.substr(0, name.size() - kNameDigest).ends_with(kDigestMark);
}

// Such an id is its own name. The others get a digest, which no such id ends with.
bool is_plain(std::string_view id) {
  return !id.empty() && id.size() <= kReadableId + kMaxServicePrefix &&
         std::all_of(id.begin(), id.end(),
                     [](char c) { return is_lower_or_digit(c) || c == '-' || c == '_'; }) &&
         !id.ends_with(kSecondSlot) && !has_digest(id);
}

std::string readable(std::string_view id) {
  std::string text(id.substr(0, kReadableId));
  for (char& c : text) {
    if (is_upper(c)) c = char(c - 'A' + 'a');
    if (!is_lower_or_digit(c) && c != '_') c = '-';
  }
  return text;
}

Result<void> check_prefix(std::string_view variable, std::string_view prefix, std::size_t most) {
  const bool is_good = prefix.size() >= 2 && prefix.size() <= most && prefix.front() >= 'a' &&
                       prefix.front() <= 'z' && prefix.back() == '-' &&
                       prefix.find("--") == std::string_view::npos &&
                       std::all_of(prefix.begin(), prefix.end(),
                                   [](char c) { return is_lower_or_digit(c) || c == '-'; });
  if (is_good) return {};
  return make_error(ErrorCode::InvalidArgument,
                    fmt::format("{}={}: give 2 to {} characters, small letters, digits and single "
                                "hyphens, a letter first and a hyphen last, such as agent-",
                                variable, prefix, most));
}

}  // namespace

std::string_view to_string(Slot slot) { return slot == Slot::A ? "a" : "b"; }

Result<void> check_prefixes(const NamePrefixes& prefixes) {
  TRY_VOID(check_prefix("PAC_ECS_NAME_PREFIX", prefixes.service, kMaxServicePrefix));
  return check_prefix("PAC_ECS_TARGET_GROUP_PREFIX", prefixes.target_group, kMaxTargetGroupPrefix);
}

std::string Names::app(std::string_view app_id) const {
  if (is_plain(app_id)) return prefixes_.service + std::string(app_id);
  return fmt::format("{}{}{}{}", prefixes_.service, readable(app_id), kDigestMark,
                     digest_of(app_id, kNameDigest));
}

std::string Names::service(std::string_view app_id, Slot slot) const {
  std::string name = app(app_id);
  if (slot == Slot::B) name += kSecondSlot;
  return name;
}

std::string Names::target_group(std::string_view app_id, Slot slot, Surface surface,
                                std::string_view fixed) const {
  return fmt::format("{}{}-{}{}", prefixes_.target_group,
                     digest_of(fmt::format("{}/{}/{}", installation_, app_id, fixed), kNameDigest),
                     to_string(slot), surface == Surface::Rest ? 'r' : 'g');
}

std::string Names::discovery(std::string_view app_id) const {
  std::string name = app(app_id);
  if (name.size() <= kMaxDiscoveryName) return name;
  // No id begins with a hyphen, so that this is no other app's name.
  return prefixes_.service + std::string(kDigestMark) + digest_of(app_id, kNameDigest);
}

std::string client_token(std::string_view text) { return digest_of(text, 32); }

std::string digest_of(std::string_view text, std::size_t digits) {
  return aws::hex(aws::bytes_of(aws::sha256(text))).substr(0, digits);
}

}  // namespace pixell::engine::ecs
