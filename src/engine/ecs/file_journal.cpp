#include "engine/ecs/file_journal.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "model/agent_app.hpp"

namespace pixell::engine::ecs {

using nlohmann::json;

namespace {

Result<std::vector<Step>> read_steps(const std::filesystem::path& path, const std::string& app_id) {
  std::vector<Step> steps;
  const auto text = read_file(path);
  if (!text && text.error().code == ErrorCode::NotFound) return steps;
  if (!text) return text.error();
  const json document = json::parse(*text, nullptr, false);
  const auto lost = [&path] {
    return make_error(ErrorCode::DataLoss,
                      fmt::format("{} is no list of steps: remove it; what it named is found again "
                                  "by looking, but for target groups that were to be deleted",
                                  path.string()));
  };
  if (!document.is_array()) return lost();
  for (const json& each : document) {
    if (!each.is_object()) return lost();
    const auto action = each.find("action");
    const auto resource = each.find("resource");
    if (action == each.end() || !action->is_string() || resource == each.end() ||
        !resource->is_string())
      return lost();
    steps.push_back({.app_id = app_id,
                     .action = action->get<std::string>(),
                     .resource = resource->get<std::string>()});
  }
  return steps;
}

}  // namespace

std::filesystem::path FileJournal::file_of(const std::string& app_id) const {
  return directory_ / (app_id + ".json");
}

Result<std::vector<Step>*> FileJournal::steps_of(const std::string& app_id) {
  TRY_VOID(model::check_app_id(app_id));  // it is a file's name
  if (const auto found = known_.find(app_id); found != known_.end()) return &found->second;
  TRY(std::vector<Step> steps, read_steps(file_of(app_id), app_id));
  return &known_.emplace(app_id, std::move(steps)).first->second;
}

Result<void> FileJournal::write(const std::string& app_id, const std::vector<Step>& steps) const {
  json document = json::array();
  for (const Step& each : steps)
    document.push_back({{"action", each.action}, {"resource", each.resource}});
  TRY_VOID(make_directories(directory_));
  return write_file_atomically(file_of(app_id), document.dump(), 0600);
}

Result<void> FileJournal::begin(const Step& step) {
  const std::lock_guard lock(mutex_);
  TRY(std::vector<Step>* const steps, steps_of(step.app_id));
  if (std::find(steps->begin(), steps->end(), step) != steps->end()) return {};
  std::vector<Step> next = *steps;
  next.push_back(step);
  TRY_VOID(write(step.app_id, next));
  *steps = std::move(next);
  return {};
}

Result<void> FileJournal::end(const Step& step, const std::string& result) {
  const std::lock_guard lock(mutex_);
  TRY(std::vector<Step>* const steps, steps_of(step.app_id));
  std::vector<Step> next = *steps;
  if (std::erase(next, step) == 0) return {};
  if (!next.empty()) {
    TRY_VOID(write(step.app_id, next));
  } else if (::unlink(file_of(step.app_id).c_str()) != 0 && errno != ENOENT) {
    return errno_error(fmt::format("cannot remove {}", file_of(step.app_id).string()), errno);
  }
  *steps = std::move(next);
  log_.info("AWS changed", {{"app", step.app_id},
                            {"action", step.action},
                            {"resource", step.resource},
                            {"made", result}});
  return {};
}

Result<std::vector<Step>> FileJournal::open(const std::string& app_id) {
  const std::lock_guard lock(mutex_);
  TRY(const std::vector<Step>* const steps, steps_of(app_id));
  return *steps;
}

}  // namespace pixell::engine::ecs
