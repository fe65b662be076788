#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "engine/ecs/journal.hpp"

namespace pixell::engine::ecs {

/// A journal for tests: what began, in order, and what is open. It may be broken.
class MemoryJournal final : public Journal {
 public:
  Result<void> begin(const Step& step) override {
    if (is_broken) return make_error(ErrorCode::Unavailable, "the disk is full");
    begun.push_back(step.action + ' ' + step.resource);
    if (std::find(open_.begin(), open_.end(), step) == open_.end()) open_.push_back(step);
    return {};
  }
  Result<void> end(const Step& step, const std::string& result) override {
    std::erase(open_, step);
    results.push_back(result);
    return {};
  }
  Result<std::vector<Step>> open(const std::string& app_id) override {
    std::vector<Step> found;
    std::copy_if(open_.begin(), open_.end(), std::back_inserter(found),
                 [&](const Step& step) { return step.app_id == app_id; });
    return found;
  }

  bool is_broken = false;
  std::vector<std::string> begun{};
  std::vector<std::string> results{};

 private:
  std::vector<Step> open_;
};

}  // namespace pixell::engine::ecs
