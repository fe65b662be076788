#include "store/columns.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <nlohmann/json.hpp>

#include "base/check.hpp"

namespace pixell::store {

namespace {

using nlohmann::json;

// Text from outside (log lines, release notes) may hold bytes that are not UTF-8.
std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

Error unreadable(std::string_view what, std::string_view why) {
  Error error = make_error(ErrorCode::DataLoss, fmt::format("a stored {} cannot be read", what));
  error.detail = why;
  return error;
}

Result<json> parse(std::string_view what, std::string_view text) {
  json value = json::parse(text, nullptr, false);
  if (value.is_discarded()) return unreadable(what, "not JSON");
  return value;
}

}  // namespace

std::string environment_to_text(const std::map<std::string, std::string>& environment) {
  return dump(json(environment));
}

Result<std::map<std::string, std::string>> environment_from_text(std::string_view text) try {
  TRY(const json value, parse("environment", text));
  return value.get<std::map<std::string, std::string>>();
} catch (const json::exception& wrong) {
  return unreadable("environment", wrong.what());
}

std::string steps_to_text(const std::vector<model::DeploymentStep>& steps) {
  json list = json::array();
  for (const model::DeploymentStep& step : steps)
    list.push_back({{"name", step.name},
                    {"state", to_string(step.state)},
                    {"started_at", step.started_at},
                    {"completed_at", step.completed_at}});
  return dump(list);
}

Result<std::vector<model::DeploymentStep>> steps_from_text(std::string_view text) try {
  TRY(const json list, parse("list of steps", text));
  std::vector<model::DeploymentStep> steps;
  for (const json& entry : list) {
    const auto state = model::parse_step_state(entry.at("state").get<std::string>());
    if (!state) return unreadable("list of steps", "unknown state");
    steps.push_back({.name = entry.at("name").get<std::string>(),
                     .state = *state,
                     .started_at = entry.at("started_at").get<UnixMillis>(),
                     .completed_at = entry.at("completed_at").get<UnixMillis>()});
  }
  return steps;
} catch (const json::exception& wrong) {
  return unreadable("list of steps", wrong.what());
}

std::string limits_to_text(const model::LimitsAsked& limits) {
  return limits == model::LimitsAsked{} ? std::string() : dump(model::to_json(limits));
}

Result<model::LimitsAsked> limits_from_text(std::string_view text) {
  if (text.empty()) return model::LimitsAsked{};
  TRY(const json value, parse("limits", text));
  auto limits = model::limits_from_json(value);
  if (!limits) return unreadable("limits", limits.error().message);
  return limits;
}

std::string failure_to_text(const std::optional<model::Failure>& failure) {
  return failure ? dump(model::to_json(*failure)) : std::string();
}

Result<std::optional<model::Failure>> failure_from_text(std::string_view text) {
  if (text.empty()) return std::optional<model::Failure>();
  TRY(const json value, parse("failure", text));
  auto failure = model::failure_from_json(value);
  if (!failure) return unreadable("failure", failure.error().message);
  return std::optional(std::move(*failure));
}

std::string boot_report_to_text(const std::optional<model::BootReport>& report) {
  return report ? dump(model::to_json(*report)) : std::string();
}

Result<std::optional<model::BootReport>> boot_report_from_text(std::string_view text) {
  if (text.empty()) return std::optional<model::BootReport>();
  TRY(const json value, parse("boot report", text));
  auto report = model::boot_report_from_json(value);
  if (!report) return unreadable("boot report", report.error().message);
  return std::optional(std::move(*report));
}

std::string legs_to_text(const std::vector<model::RouteLeg>& legs) {
  json list = json::array();
  for (const model::RouteLeg& leg : legs)
    list.push_back({{"revision", leg.revision},
                    {"weight_permille", leg.weight_permille},
                    {"tag", leg.tag},
                    {"addresses", leg.addresses}});
  return dump(list);
}

Result<std::vector<model::RouteLeg>> legs_from_text(std::string_view text) try {
  TRY(const json list, parse("route", text));
  std::vector<model::RouteLeg> legs;
  for (const json& entry : list)
    legs.push_back({.revision = entry.at("revision").get<std::int64_t>(),
                    .weight_permille = entry.at("weight_permille").get<int>(),
                    .tag = entry.at("tag").get<std::string>(),
                    .addresses = entry.at("addresses").get<std::vector<std::string>>()});
  return legs;
} catch (const json::exception& wrong) {
  return unreadable("route", wrong.what());
}

namespace {

// A value of the model with its own JSON form; the default one is the empty text.
template <class T>
std::string value_to_text(const T& value) {
  return value == T{} ? std::string() : dump(model::to_json(value));
}

template <class T>
Result<T> value_from_text(std::string_view what, std::string_view text,
                          Result<T> (*read)(const json&)) {
  if (text.empty()) return T{};
  TRY(const json value, parse(what, text));
  auto read_value = read(value);
  if (!read_value) return unreadable(what, read_value.error().message);
  return read_value;
}

}  // namespace

std::string traffic_to_text(const model::Traffic& traffic) { return value_to_text(traffic); }
Result<model::Traffic> traffic_from_text(std::string_view text) {
  return value_from_text("traffic", text, model::traffic_from_json);
}
std::string strategy_to_text(const model::Strategy& strategy) { return value_to_text(strategy); }
Result<model::Strategy> strategy_from_text(std::string_view text) {
  return value_from_text("strategy", text, model::strategy_from_json);
}
std::string progress_to_text(const model::RolloutProgress& progress) {
  return value_to_text(progress);
}
Result<model::RolloutProgress> progress_from_text(std::string_view text) {
  return value_from_text("rollout", text, model::rollout_progress_from_json);
}
std::string sticky_to_text(const model::Stickiness& sticky) { return value_to_text(sticky); }
Result<model::Stickiness> sticky_from_text(std::string_view text) {
  return value_from_text("stickiness", text, model::stickiness_from_json);
}
std::string routing_to_text(const model::Routing& routing) { return value_to_text(routing); }
Result<model::Routing> routing_from_text(std::string_view text) {
  return value_from_text("routing", text, model::routing_from_json);
}

std::string scaling_to_text(const std::optional<model::Scaling>& scaling) {
  return scaling ? dump(model::to_json(*scaling)) : std::string();
}
Result<std::optional<model::Scaling>> scaling_from_text(std::string_view text) {
  if (text.empty()) return std::optional<model::Scaling>();
  TRY(const json value, parse("scaling", text));
  auto scaling = model::scaling_from_json(value);
  if (!scaling) return unreadable("scaling", scaling.error().message);
  return std::optional(*scaling);
}

std::string event_hash(const EventFields& fields) {
  // Lengths in front keep two different lines from giving the same text.
  const std::string text =
      fmt::format("{}\n{}\n{}\n{}:{}\n{}:{}\n{}:{}", fields.previous_hash, fields.sequence,
                  fields.at, fields.app_id.size(), fields.app_id, fields.kind.size(), fields.kind,
                  fields.detail.size(), fields.detail);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  CHECK(EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha256(), nullptr) == 1,
        "SHA-256 is part of every OpenSSL build");
  std::string hex;
  for (unsigned i = 0; i < size; ++i) fmt::format_to(std::back_inserter(hex), "{:02x}", digest[i]);
  return hex;
}

}  // namespace pixell::store
