#include "engine/ecs/orphan_steps.hpp"

#include <algorithm>
#include <map>

#include "engine/ecs/limits.hpp"
#include "engine/ecs/rules.hpp"

namespace pixell::engine::ecs {

using nlohmann::json;

namespace {

/// What the listings share.
struct Listing {
  const Work& work;
  std::vector<Owned> owned{};
  std::set<std::string> apps{};         // of services
  std::set<std::string> used_groups{};  // by services

  bool has_our_name(const std::string& name) const {
    return name.starts_with(work.settings.prefixes.service);
  }

  // Adds it if its tags say that it is of an app of this installation.
  Owned* add(const char* kind, const std::string& arn, const Tags& tags) {
    const auto installation = tags.find(kInstallationTag);
    const auto app = tags.find(kAppTag);
    if (installation == tags.end() || installation->second != work.names.installation() ||
        app == tags.end() || app->second.empty())
      return nullptr;
    return &owned.emplace_back(Owned{.kind = kind, .resource = arn, .app_id = app->second});
  }
};

std::string name_in(const std::string& arn) { return arn.substr(arn.rfind('/') + 1); }

Result<void> add_described_services(Listing& listing, const json& arns) {
  TRY(const json answer, plain(listing.work.look("ecs", "DescribeServices",
                                                 {{"cluster", listing.work.settings.cluster},
                                                  {"services", arns},
                                                  {"include", {"TAGS"}}})));
  for (const json& service : list_at(answer, "services")) {
    if (text_at(service, "status") == "INACTIVE") continue;
    const Owned* added =
        listing.add("service", text_at(service, "serviceArn"), read_tags(list_at(service, "tags")));
    if (added != nullptr) listing.apps.insert(added->app_id);
    for (const json& balancer : list_at(service, "loadBalancers"))
      listing.used_groups.insert(text_at(balancer, "targetGroupArn"));
  }
  return {};
}

Result<void> add_services(Listing& listing) {
  json arns = json::array();
  const auto listed = listing.work.pages(
      "ecs", "ListServices", {{"cluster", listing.work.settings.cluster}}, [&](const json& page) {
        for (const json& each : list_at(page, "serviceArns"))
          if (each.is_string() && listing.has_our_name(name_in(each.get<std::string>())))
            arns.push_back(each);
        return true;
      });
  TRY_VOID(listed);
  for (std::size_t from = 0; from < arns.size(); from += kMaxDescribedServices) {
    json batch = json::array();
    for (std::size_t i = from; i < std::min(arns.size(), from + kMaxDescribedServices); ++i)
      batch.push_back(arns[i]);
    TRY_VOID(add_described_services(listing, batch));
  }
  return {};
}

// One look for a family whose service was not seen.
Result<void> add_definitions(Listing& listing) {
  std::map<std::string, std::string> latest;  // by family
  TRY_VOID(listing.work.pages("ecs", "ListTaskDefinitions", {{"status", "ACTIVE"}},
                              [&](const json& page) {
                                for (const json& each : list_at(page, "taskDefinitionArns")) {
                                  const std::string arn = each.is_string() ? each : json("");
                                  const std::string name = name_in(arn);
                                  if (listing.has_our_name(name))
                                    latest[name.substr(0, name.rfind(':'))] = arn;
                                }
                                return true;
                              }));
  for (const std::string& app : listing.apps) latest.erase(listing.work.names.app(app));
  for (const auto& [family, arn] : latest) {
    TRY(const json answer,
        plain(listing.work.look("ecs", "DescribeTaskDefinition",
                                {{"taskDefinition", arn}, {"include", {"TAGS"}}})));
    listing.add("task definition", arn, read_tags(list_at(answer, "tags")));
  }
  return {};
}

Result<void> add_rules(Listing& listing) {
  for (const std::string& listener : listing.work.settings.listeners) {
    TRY(const std::vector<json> rules, rules_of(listing.work, listener));
    std::vector<std::string> arns;
    for (const json& rule : rules) arns.push_back(text_at(rule, "RuleArn"));
    TRY(const auto tags, tags_of(listing.work, arns));
    for (const json& rule : rules) {
      const auto found = tags.find(text_at(rule, "RuleArn"));
      if (found == tags.end()) continue;
      Owned* added = listing.add(kRuleKind, found->first, found->second);
      if (added == nullptr) continue;
      added->listener = listener;
      added->priority = text_at(rule, "Priority");
    }
  }
  return {};
}

Result<void> add_target_groups(Listing& listing) {
  // Without load balancers there is no leave to ask about them either.
  if (listing.work.settings.listeners.empty()) return {};
  std::map<std::string, bool> groups;  // whether a load balancer leads there
  TRY_VOID(
      listing.work.pages("elbv2", "DescribeTargetGroups", json::object(), [&](const json& page) {
        for (const json& each : list_at(page, "TargetGroups"))
          if (text_at(each, "TargetGroupName")
                  .starts_with(listing.work.settings.prefixes.target_group))
            groups[text_at(each, "TargetGroupArn")] = !list_at(each, "LoadBalancerArns").empty();
        return true;
      }));
  std::vector<std::string> arns;
  for (const auto& [arn, is_led_to] : groups) arns.push_back(arn);
  TRY(const auto tags, tags_of(listing.work, arns));
  for (const auto& [arn, is_led_to] : groups) {
    const auto found = tags.find(arn);
    if (found == tags.end()) continue;
    Owned* added = listing.add(kTargetGroupKind, arn, found->second);
    if (added != nullptr) added->is_used = is_led_to || listing.used_groups.contains(arn);
  }
  return {};
}

Result<void> add_discovery(Listing& listing) {
  TRY(const std::string space, find_namespace(listing.work));
  if (space.empty()) return {};
  std::set<std::string> known;
  for (const std::string& app : listing.apps) known.insert(listing.work.names.discovery(app));
  std::vector<std::string> arns;
  TRY_VOID(listing.work.pages(
      "servicediscovery", "ListServices",
      {{"Filters", {{{"Name", "NAMESPACE_ID"}, {"Values", {space}}, {"Condition", "EQ"}}}}},
      [&](const json& page) {
        for (const json& each : list_at(page, "Services"))
          if (const std::string name = text_at(each, "Name");
              listing.has_our_name(name) && !known.contains(name))
            arns.push_back(text_at(each, "Arn"));
        return true;
      }));
  for (const std::string& arn : arns) {
    TRY(const json answer, plain(listing.work.look("servicediscovery", "ListTagsForResource",
                                                   {{"ResourceARN", arn}})));
    listing.add("service of Cloud Map", arn, read_tags(list_at(answer, "Tags")));
  }
  return {};
}

Result<void> add_secrets(Listing& listing) {
  return listing.work.pages("secretsmanager", "ListSecrets", json::object(), [&](const json& page) {
    for (const json& each : list_at(page, "SecretList"))
      if (listing.has_our_name(text_at(each, "Name")) &&
          (!each.contains("DeletedDate") || each.at("DeletedDate").is_null()))
        listing.add("secret", text_at(each, "ARN"), read_tags(list_at(each, "Tags")));
    return true;
  });
}

}  // namespace

Result<std::vector<Owned>> everything_owned(const Work& work) {
  Listing listing{.work = work};
  TRY_VOID(add_services(listing));
  TRY_VOID(add_definitions(listing));
  TRY_VOID(add_rules(listing));
  TRY_VOID(add_target_groups(listing));
  TRY_VOID(add_discovery(listing));
  TRY_VOID(add_secrets(listing));
  return std::move(listing.owned);
}

}  // namespace pixell::engine::ecs
