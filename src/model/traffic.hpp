#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/routes.hpp"

namespace pixell::model {

/// One revision's wanted share of an app's requests.
struct TrafficLeg {
  std::int64_t revision = 0;
  int weight_permille = 0;
  std::string tag{};  ///< reached as /agents/{app}@{tag}/…; empty = none
  bool operator==(const TrafficLeg&) const = default;
};

/// Which revisions should serve an app. Weights add up to 1000, or there are no legs at all.
struct Traffic {
  std::vector<TrafficLeg> legs{};
  Stickiness sticky{};
  bool is_pinned = false;  ///< a deployment makes its revision ready and leaves the traffic alone
  bool operator==(const Traffic&) const = default;
};

inline constexpr std::size_t kMaxTrafficLegs = 32;
inline constexpr int kWholeTraffic = 1000;
/// The tag of a revision whose rollout is under way.
inline constexpr std::string_view kCandidateTag = "candidate";

/// `^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`
bool is_tag(std::string_view tag);

/// Everything that is wrong with it, each finding with the JSON pointer of its place in the form of
/// to_json(): weights that are no shares of 1000, tags, doubles, a name that sticky lacks. Whether
/// the revisions exist is the store's to say.
struct TrafficFinding {
  std::string pointer;
  std::string message;
};
std::vector<TrafficFinding> check_traffic(const Traffic& traffic);

/// The revision with the largest share; 0 when there is none.
std::int64_t leading_revision(const Traffic& traffic);
/// The share of a revision, over all its legs.
int weight_of(const Traffic& traffic, std::int64_t revision);
/// True when the revision has a share or a tag.
bool refers_to(const Traffic& traffic, std::int64_t revision);
/// The traffic with all shares at one revision; tags, stickiness and pin stay as they are.
Traffic all_to(const Traffic& traffic, std::int64_t revision);
/// The traffic with the tag on that revision and on no other.
Traffic with_tag(const Traffic& traffic, std::int64_t revision, std::string_view tag);
/// The traffic with `weight` for a revision; the others give way in proportion. 0 to 1000.
Traffic with_weight(const Traffic& traffic, std::int64_t revision, int weight);

/// {"legs": [{"revision", "weight_permille", "tag"?}], "sticky": {…}, "pinned": false}
nlohmann::json to_json(const Traffic& traffic);
/// InvalidArgument when it is not of that form.
Result<Traffic> traffic_from_json(const nlohmann::json& json);

}  // namespace pixell::model
