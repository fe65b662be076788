#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/agent_app.hpp"
#include "model/boot_report.hpp"
#include "model/routes.hpp"

// Values that backends keep as JSON text in one column. Reading gives DataLoss for text that no
// version of this program wrote.
namespace pixell::store {

std::string environment_to_text(const std::map<std::string, std::string>& environment);
Result<std::map<std::string, std::string>> environment_from_text(std::string_view text);

std::string steps_to_text(const std::vector<model::DeploymentStep>& steps);
Result<std::vector<model::DeploymentStep>> steps_from_text(std::string_view text);

/// No limits are the empty text.
std::string limits_to_text(const model::LimitsAsked& limits);
Result<model::LimitsAsked> limits_from_text(std::string_view text);

/// An absent failure is the empty text.
std::string failure_to_text(const std::optional<model::Failure>& failure);
Result<std::optional<model::Failure>> failure_from_text(std::string_view text);

/// An absent report is the empty text.
std::string boot_report_to_text(const std::optional<model::BootReport>& report);
Result<std::optional<model::BootReport>> boot_report_from_text(std::string_view text);

std::string legs_to_text(const std::vector<model::RouteLeg>& legs);
Result<std::vector<model::RouteLeg>> legs_from_text(std::string_view text);

/// No traffic, the usual strategy, a rollout that has not begun and a routing that asks nothing are
/// the empty text.
std::string traffic_to_text(const model::Traffic& traffic);
Result<model::Traffic> traffic_from_text(std::string_view text);
std::string strategy_to_text(const model::Strategy& strategy);
Result<model::Strategy> strategy_from_text(std::string_view text);
std::string progress_to_text(const model::RolloutProgress& progress);
Result<model::RolloutProgress> progress_from_text(std::string_view text);
std::string sticky_to_text(const model::Stickiness& sticky);
Result<model::Stickiness> sticky_from_text(std::string_view text);
std::string routing_to_text(const model::Routing& routing);
Result<model::Routing> routing_from_text(std::string_view text);
/// No scaling is the empty text.
std::string scaling_to_text(const std::optional<model::Scaling>& scaling);
Result<std::optional<model::Scaling>> scaling_from_text(std::string_view text);

/// The hash of one event: SHA-256 in hex of the previous hash and every field.
struct EventFields {
  std::string_view previous_hash;
  std::int64_t sequence;
  std::int64_t at;
  std::string_view app_id;
  std::string_view kind;
  std::string_view detail;
};
std::string event_hash(const EventFields& fields);

}  // namespace pixell::store
