#include "model/traffic.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

namespace pixell::model {

namespace {

constexpr std::size_t kMaxTagLength = 40;

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

void drop_empty(Traffic& traffic) {
  std::erase_if(traffic.legs,
                [](const TrafficLeg& leg) { return leg.weight_permille == 0 && leg.tag.empty(); });
}

void add_weight(Traffic& traffic, std::int64_t revision, int weight) {
  if (weight == 0) return;
  for (TrafficLeg& leg : traffic.legs)
    if (leg.revision == revision) {
      leg.weight_permille += weight;
      return;
    }
  traffic.legs.push_back({.revision = revision, .weight_permille = weight});
}

void check_leg(const TrafficLeg& leg, const std::string& pointer,
               std::vector<TrafficFinding>& findings) {
  if (leg.revision < 1)
    findings.push_back(
        {pointer + "/revision",
         fmt::format("revision {} must be the number of a revision, from 1", leg.revision)});
  if (leg.weight_permille < 0 || leg.weight_permille > kWholeTraffic)
    findings.push_back({pointer + "/weight_permille",
                        fmt::format("weight_permille {} must be 0 to 1000", leg.weight_permille)});
  if (leg.weight_permille == 0 && leg.tag.empty())
    findings.push_back({pointer, "a leg needs a weight_permille above 0, or a tag"});
  if (!leg.tag.empty() && !is_tag(leg.tag))
    findings.push_back(
        {pointer + "/tag", fmt::format("tag '{}' must be 1 to 40 lower-case letters, digits and "
                                       "inner '-'",
                                       leg.tag.substr(0, 80))});
  if (leg.tag == kCandidateTag)
    findings.push_back(
        {pointer + "/tag", "the tag 'candidate' belongs to rollouts: choose another"});
}

}  // namespace

bool is_tag(std::string_view tag) {
  if (tag.empty() || tag.size() > kMaxTagLength) return false;
  if (!is_lower_or_digit(tag.front()) || !is_lower_or_digit(tag.back())) return false;
  return std::all_of(tag.begin(), tag.end(),
                     [](char c) { return is_lower_or_digit(c) || c == '-'; });
}

std::vector<TrafficFinding> check_traffic(const Traffic& traffic) {
  std::vector<TrafficFinding> findings;
  if (traffic.legs.size() > kMaxTrafficLegs)
    findings.push_back(
        {"/legs", fmt::format("{} legs are more than {}", traffic.legs.size(), kMaxTrafficLegs)});
  std::int64_t sum = 0;
  std::set<std::string_view> tags;
  for (std::size_t i = 0; i < traffic.legs.size(); ++i) {
    const TrafficLeg& leg = traffic.legs[i];
    const std::string pointer = fmt::format("/legs/{}", i);
    check_leg(leg, pointer, findings);
    sum += leg.weight_permille;
    if (!leg.tag.empty() && !tags.insert(leg.tag).second)
      findings.push_back({pointer + "/tag", fmt::format("tag '{}' is there twice", leg.tag)});
  }
  if (sum != kWholeTraffic)
    findings.push_back(
        {"/legs", fmt::format("the weights add up to {}: they must make 1000", sum)});
  if (const auto sticky = stickiness_from_json(to_json(traffic.sticky)); !sticky)
    findings.push_back({"/sticky", sticky.error().message});
  return findings;
}

std::int64_t leading_revision(const Traffic& traffic) {
  std::int64_t leader = 0;
  for (const TrafficLeg& leg : traffic.legs)
    if (leader == 0 || weight_of(traffic, leg.revision) > weight_of(traffic, leader))
      leader = leg.revision;
  return weight_of(traffic, leader) > 0 ? leader : 0;
}

int weight_of(const Traffic& traffic, std::int64_t revision) {
  int weight = 0;
  for (const TrafficLeg& leg : traffic.legs)
    if (leg.revision == revision) weight += leg.weight_permille;
  return weight;
}

bool refers_to(const Traffic& traffic, std::int64_t revision) {
  return std::any_of(traffic.legs.begin(), traffic.legs.end(),
                     [&](const TrafficLeg& leg) { return leg.revision == revision; });
}

Traffic all_to(const Traffic& traffic, std::int64_t revision) {
  return with_weight(traffic, revision, kWholeTraffic);
}

Traffic with_tag(const Traffic& traffic, std::int64_t revision, std::string_view tag) {
  Traffic changed = traffic;
  for (TrafficLeg& leg : changed.legs)
    if (leg.tag == tag) leg.tag.clear();
  drop_empty(changed);
  changed.legs.push_back({.revision = revision, .weight_permille = 0, .tag = std::string(tag)});
  return changed;
}

Traffic with_weight(const Traffic& traffic, std::int64_t revision, int weight) {
  Traffic changed = traffic;
  const int others = kWholeTraffic - weight_of(traffic, revision);
  int left = kWholeTraffic - weight;
  int others_left = others;
  for (TrafficLeg& leg : changed.legs) {
    if (leg.revision == revision) {
      leg.weight_permille = 0;
      continue;
    }
    // Largest parts first would be fairer by a permille; the last one takes what is left.
    const int given = others_left == 0 ? 0 : left * leg.weight_permille / others_left;
    others_left -= leg.weight_permille;
    left -= given;
    leg.weight_permille = given;
  }
  // Nobody else has any share: it all stays here.
  add_weight(changed, revision, weight + left);
  drop_empty(changed);
  return changed;
}

nlohmann::json to_json(const Traffic& traffic) {
  nlohmann::json legs = nlohmann::json::array();
  for (const TrafficLeg& leg : traffic.legs) {
    nlohmann::json one = {{"revision", leg.revision}, {"weight_permille", leg.weight_permille}};
    if (!leg.tag.empty()) one["tag"] = leg.tag;
    legs.push_back(std::move(one));
  }
  return {{"legs", std::move(legs)},
          {"sticky", to_json(traffic.sticky)},
          {"pinned", traffic.is_pinned}};
}

Result<Traffic> traffic_from_json(const nlohmann::json& json) try {
  Traffic traffic;
  for (const auto& leg : json.at("legs"))
    traffic.legs.push_back({.revision = leg.at("revision").get<std::int64_t>(),
                            .weight_permille = leg.at("weight_permille").get<int>(),
                            .tag = leg.value("tag", std::string())});
  if (json.contains("sticky")) {
    TRY(traffic.sticky, stickiness_from_json(json["sticky"]));
  }
  traffic.is_pinned = json.value("pinned", false);
  return traffic;
} catch (const nlohmann::json::exception& wrong) {
  return make_error(ErrorCode::InvalidArgument, fmt::format("not a traffic: {}", wrong.what()));
}

}  // namespace pixell::model
