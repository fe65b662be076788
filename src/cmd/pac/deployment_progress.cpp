#include "cmd/pac/deployment_progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cmd/pac/arguments.hpp"

namespace pixell::cmd {

using nlohmann::json;

namespace {

constexpr std::string_view kStartStep = "start_instance";
constexpr std::size_t kNameWidth = 22;
constexpr std::size_t kTimeWidth = 11;

std::int64_t duration_of(const json& step, UnixMillis now) {
  if (const auto known = step.find("duration_ms"); known != step.end())
    return known->get<std::int64_t>();
  const auto began = parse_iso8601(step.value("started_at", std::string()));
  const auto ended = parse_iso8601(step.value("completed_at", std::string()));
  // The clocks of this machine and of Pixell's may differ.
  return began ? std::max<std::int64_t>(0, ended.value_or(now) - *began) : 0;
}

std::string step_line(const json& step, UnixMillis now, bool has_colour) {
  const std::string name = padded(text_at(step, "name"), kNameWidth);
  const std::string status = text_at(step, "status");
  if (status == "pending") return "  " + painted(Colour::Dim, name, has_colour);
  const std::string time = padded(show_duration(duration_of(step, now)), kTimeWidth, true);
  if (status == "completed")
    return fmt::format("  {}{}", painted(Colour::Green, name, has_colour), time);
  const bool is_failed = status == "failed";
  return fmt::format("  {}{}  {}",
                     painted(is_failed ? Colour::Red : Colour::Yellow, name, has_colour), time,
                     is_failed ? "failed" : "\xe2\x80\xa6");
}

bool is_start_under_way(const json& step) {
  return text_at(step, "name") == kStartStep && text_at(step, "status") == "processing";
}

}  // namespace

bool has_ended(const json& deployment) {
  const std::string state = deployment.at("state");
  return state == "completed" || state == "failed" || state == "rolled_back";
}

std::string deployment_title(const json& deployment) {
  std::string title = fmt::format(
      "{} {} of {}", deployment.value("kind", "deploy") == "rollback" ? "rollback" : "deployment",
      text_at(deployment, "id"), text_at(deployment, "app"));
  if (deployment.contains("revision")) title += ": revision " + text_at(deployment, "revision");
  if (const auto strategy = deployment.find("strategy"); strategy != deployment.end())
    title += ", " + text_at(*strategy, "type");
  return title;
}

std::string rollout_stage(const json& deployment) {
  const auto rollout = deployment.find("rollout");
  if (rollout == deployment.end() || !rollout->contains("stage")) return {};
  std::string line = fmt::format("stage {}", rollout->at("stage").get<std::int64_t>() + 1);
  if (rollout->contains("stages")) line += " of " + text_at(*rollout, "stages");
  if (rollout->contains("weight_permille"))
    line += " at " + show_permille(rollout->at("weight_permille").get<std::int64_t>());
  if (rollout->contains("held_seconds") && rollout->contains("stage_seconds"))
    line += fmt::format(", held {:.0f} s of {} s", rollout->at("held_seconds").get<double>(),
                        rollout->at("stage_seconds").get<std::int64_t>());
  for (const char* flag : {"paused", "promoted", "aborted"})
    if (rollout->value(flag, false)) line += fmt::format(", {}", flag);
  return line;
}

std::vector<std::string> progress_block(const json& deployment, UnixMillis now,
                                        const Screen& screen, const std::string& boot_phase) {
  std::vector<std::string> lines;
  for (const json& step : deployment.at("steps")) {
    std::string line = step_line(step, now, screen.has_colour);
    if (!boot_phase.empty() && is_start_under_way(step)) line += " " + plain(boot_phase);
    lines.push_back(std::move(line));
  }
  if (const std::string stage = rollout_stage(deployment); !stage.empty())
    lines.push_back(
        cut_to_width("  " + padded("rollout", kNameWidth) + "  " + stage, screen.width));
  return lines;
}

bool is_starting(const json& deployment) {
  return std::ranges::any_of(deployment.at("steps"), is_start_under_way);
}

std::vector<std::string> ProgressNews::look(const json& deployment) {
  std::vector<std::string> news;
  const json& steps = deployment.at("steps");
  shown_.resize(steps.size());
  for (std::size_t at = 0; at < steps.size(); ++at) {
    const std::string status = text_at(steps[at], "status");
    if (status == shown_[at]) continue;
    shown_[at] = status;
    if (status == "pending") continue;
    std::string line = text_at(steps[at], "name") + " " + status;
    if (status != "processing") line += " in " + show_duration(duration_of(steps[at], 0));
    news.push_back(std::move(line));
  }
  // How long the stage has been held changes all the time.
  std::string stage = rollout_stage(deployment);
  if (const auto held = stage.find(", held"); held != std::string::npos)
    stage.erase(held, std::min(stage.find(", ", held + 2), stage.size()) - held);
  if (stage != stage_ && !stage.empty()) news.push_back(stage);
  stage_ = std::move(stage);
  return news;
}

std::vector<std::string> failure_lines(const json& deployment) {
  const bool is_back = deployment.at("state") == "rolled_back";
  const json failed = deployment.value("failure", json::object());
  std::vector<std::string> lines = {
      fmt::format("deployment {}: {}: {}", is_back ? "was rolled back" : "failed",
                  failed.contains("cause") ? text_at(failed, "cause") : "no cause given",
                  text_at(failed, "message"))};
  for (const json& line : failed.value("evidence", json::array()))
    lines.push_back("  | " + text_of(line));
  const std::string remedy = text_at(failed, "remedy");
  lines.push_back("  what to do: " + (remedy.empty() ? "see the instance's log" : remedy));
  return lines;
}

}  // namespace pixell::cmd
