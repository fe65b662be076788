#include "api/request_fields.hpp"

#include <fmt/format.h>

#include <array>

#include "api/limits.hpp"
#include "net/client.hpp"

namespace pixell::api {

namespace {

constexpr std::string_view kUsualCookie = "pixell_sticky";

void read_stages(Fields& strategy, model::Strategy& read) {
  const bool has_steps = strategy.list("steps", model::kMaxCanarySteps, [&](Fields& step) {
    read.steps.push_back({.weight_permille = int(step.required_number("weight_permille", 1, 999)),
                          .seconds = step.required_number("seconds", 0, model::kMaxStageSeconds)});
    step.refuse_unknown();
  });
  read.bake_seconds = strategy.number("bake_seconds", 0, 0, model::kMaxStageSeconds);
  if (has_steps && read.kind != model::StrategyKind::Canary)
    strategy.add("steps", "strategy.steps belong to the type canary: set it, or remove them");
  else if (has_steps && read.steps.empty())
    strategy.add("steps",
                 "strategy.steps must have at least one step; leave them out for the "
                 "usual ones");
  if (read.bake_seconds > 0 && read.kind != model::StrategyKind::BlueGreen)
    strategy.add("bake_seconds",
                 "strategy.bake_seconds belongs to the type blue_green: set it, or remove it");
  if (read.kind == model::StrategyKind::Canary && !has_steps)
    read.steps = model::usual_canary_steps();
}

model::RoutingLimits read_routing_limits(Fields& limits) {
  model::RoutingLimits read{
      .max_concurrent = int(limits.number("max_concurrent", 0, 0, model::kMaxConcurrentLimit)),
      .requests_per_second = int(limits.number("requests_per_second", 0, 0, model::kMaxRateLimit)),
      .burst = int(limits.number("burst", 0, 0, model::kMaxRateLimit)),
      .max_body_bytes = limits.number("max_body_bytes", 0, 0, model::kMaxBodyLimit)};
  if (auto timeouts = limits.object("timeouts")) {
    const auto millis = [&](std::string_view name) {
      return timeouts->number(name, 0, 0, model::kMaxTimeoutMs);
    };
    read.timeouts = {.rest_ms = millis("rest_ms"),
                     .a2a_ms = millis("a2a_ms"),
                     .ui_ms = millis("ui_ms"),
                     .idle_ms = millis("idle_ms")};
    timeouts->refuse_unknown();
  }
  limits.refuse_unknown();
  return read;
}

model::LegacyTarget read_legacy(Fields& legacy) {
  model::LegacyTarget read{
      .address = legacy.text("address", true),
      .path_prefix = legacy.text("path_prefix"),
      .weight_permille = int(legacy.number("weight_permille", 0, 0, model::kWholeTraffic))};
  // A socket in the file system may be one of our own: it must not be led to from outside.
  if (!read.address.empty() &&
      (read.address.starts_with("unix:") || !net::parse_address(read.address)))
    legacy.add("address",
               fmt::format("{} '{}' must be an IP address with a port, like 10.0.0.7:8080 or "
                           "[fd00::7]:8080; names are not looked up",
                           legacy.named("address"), read.address.substr(0, 80)));
  legacy.refuse_unknown();
  return read;
}

}  // namespace

model::Strategy read_strategy(Fields& fields) {
  model::Strategy read;
  auto strategy = fields.object("strategy");
  if (!strategy) return read;
  const std::string type = strategy->choice("type", {"rolling", "canary", "blue_green"});
  if (!type.empty()) read.kind = *model::parse_strategy_kind(type);
  read_stages(*strategy, read);
  const model::HealthLimits usual;
  read.health = {
      .max_error_permille =
          int(strategy->number("max_error_permille", usual.max_error_permille, 0, 1000)),
      .max_p95_ms = strategy->number("max_p95_ms", usual.max_p95_ms, 0, 3'600'000),
      .min_requests = strategy->number("min_requests", usual.min_requests, 1, 1'000'000)};
  strategy->refuse_unknown();
  return read;
}

Millis read_time_allowed(Fields& fields, std::string_view name, const model::Strategy& strategy) {
  const std::int64_t seconds = fields.number(name, 0, 1, kMaxDeadlineSeconds);
  const Millis stages = model::stages_of(strategy);
  if (seconds == 0) return kUsualDeploymentTime + stages;
  if (seconds * 1'000 <= stages.count())
    fields.add(name, fmt::format("{} {} is not more than the stages of the strategy take ({} s): "
                                 "raise it, or leave it out",
                                 fields.named(name), seconds, stages.count() / 1'000));
  return Millis(seconds * 1'000);
}

std::string read_tag(Fields& fields) {
  std::string tag = fields.text("tag");
  if (tag.empty()) {
    if (fields.has("tag")) fields.add("tag", "tag must not be empty: leave it out for none");
    return tag;
  }
  if (!model::is_tag(tag))
    fields.add("tag",
               fmt::format("{} '{}' must be 1 to 40 lower-case letters, digits and inner '-'",
                           fields.named("tag"), tag.substr(0, 80)));
  if (tag == model::kCandidateTag)
    fields.add("tag", "the tag 'candidate' belongs to rollouts: choose another");
  return tag;
}

model::Traffic read_traffic(Fields& fields) {
  model::Traffic traffic;
  const bool has_legs = fields.list("legs", model::kMaxTrafficLegs, [&](Fields& leg) {
    traffic.legs.push_back(
        {.revision = leg.required_number("revision", 1, kMaxWireNumber),
         .weight_permille = int(leg.number("weight_permille", 0, 0, model::kWholeTraffic)),
         .tag = leg.text("tag")});
    leg.refuse_unknown();
  });
  if (!has_legs) fields.add("legs", "legs is missing: it must be a list of revisions with weights");
  if (auto sticky = fields.object("sticky")) {
    const std::string by = sticky->choice("by", {"none", "cookie", "header"});
    traffic.sticky.by = by == "cookie"   ? model::StickyBy::Cookie
                        : by == "header" ? model::StickyBy::Header
                                         : model::StickyBy::None;
    traffic.sticky.name = sticky->text("name");
    if (traffic.sticky.by == model::StickyBy::Cookie && traffic.sticky.name.empty())
      traffic.sticky.name = kUsualCookie;
    if (traffic.sticky.by == model::StickyBy::None) traffic.sticky.name.clear();
    sticky->refuse_unknown();
  }
  traffic.is_pinned = fields.flag("pinned", false);
  fields.refuse_unknown();
  if (!fields.is_clean()) return traffic;  // its sense is judged when its form is right
  for (const model::TrafficFinding& finding : model::check_traffic(traffic))
    fields.add_at(finding.pointer, finding.message);
  return traffic;
}

model::Routing read_routing(Fields& fields) {
  model::Routing routing;
  if (auto limits = fields.object("limits")) routing.limits = read_routing_limits(*limits);
  routing.aliases = fields.texts("aliases", model::kMaxAliases);
  routing.hosts = fields.texts("hosts", model::kMaxHosts);
  if (auto mirror = fields.object("mirror")) {
    routing.mirror = {
        .revision = mirror->required_number("revision", 1, kMaxWireNumber),
        .permille = int(mirror->required_number("permille", 1, model::kWholeTraffic)),
        .max_body_bytes = mirror->number("max_body_bytes", model::Mirror().max_body_bytes, 0,
                                         model::kMaxMirroredBody)};
    mirror->refuse_unknown();
  }
  if (auto legacy = fields.object("legacy")) routing.legacy = read_legacy(*legacy);
  fields.refuse_unknown();
  if (!fields.is_clean()) return routing;  // its sense is judged when its form is right
  for (const model::RoutingFinding& finding : model::check_routing(routing))
    fields.add_at(finding.pointer, finding.message);
  return routing;
}

namespace {

std::optional<model::Scaling> read_scaling(Fields& scaling) {
  constexpr std::array kMetrics{model::ScalingMetric::Cpu, model::ScalingMetric::Memory};
  model::Scaling read{
      .min_instances = int(scaling.required_number("min_instances", 1, model::kMaxInstancesPerApp)),
      .max_instances =
          int(scaling.required_number("max_instances", 1, model::kMaxInstancesPerApp))};
  int targets = 0;
  for (const model::ScalingMetric metric : kMetrics) {
    const auto percent = int(
        scaling.number(to_string(metric), 0, model::kMinScalingPercent, model::kMaxScalingPercent));
    if (!scaling.has(to_string(metric))) continue;
    ++targets;
    read.metric = metric;
    read.percent = percent;
  }
  scaling.refuse_unknown();
  if (targets != 1)
    scaling.add("", fmt::format("{} must have one of cpu_percent and memory_percent, not {}",
                                scaling.named(""), targets == 0 ? "none" : "both"));
  if (read.min_instances > read.max_instances)
    scaling.add(
        "min_instances",
        fmt::format("{} {} is more than max_instances {}: lower it, or raise that one",
                    scaling.named("min_instances"), read.min_instances, read.max_instances));
  return read;
}

}  // namespace

model::AppSettings read_settings(Fields& fields, const model::AppSettings& now) {
  model::AppSettings changed = now;
  changed.instances = int(fields.number("instances", now.instances, 1, model::kMaxInstancesPerApp));
  changed.warm_revisions =
      int(fields.number("warm_revisions", now.warm_revisions, 0, model::kMaxWarmRevisions));
  changed.warm_seconds = fields.number("warm_seconds", now.warm_seconds, 0, model::kMaxWarmSeconds);
  if (auto scaling = fields.object("scaling")) changed.scaling = read_scaling(*scaling);
  if (fields.is_null("scaling")) changed.scaling.reset();
  fields.refuse_unknown();
  if (!fields.has("instances") && !fields.has("warm_revisions") && !fields.has("warm_seconds") &&
      !fields.has("scaling") && !fields.is_null("scaling"))
    fields.add("", "nothing is changed: name instances, warm_revisions, warm_seconds or scaling");
  return changed;
}

}  // namespace pixell::api
