#include "engine/ecs/transient_journal.hpp"

#include <algorithm>
#include <iterator>

namespace pixell::engine::ecs {

Result<void> TransientJournal::begin(const Step& step) {
  if (std::find(open_.begin(), open_.end(), step) == open_.end()) open_.push_back(step);
  return {};
}

Result<void> TransientJournal::end(const Step& step, const std::string&) {
  std::erase(open_, step);
  return {};
}

Result<std::vector<Step>> TransientJournal::open(const std::string& app_id) {
  std::vector<Step> found;
  std::copy_if(open_.begin(), open_.end(), std::back_inserter(found),
               [&](const Step& step) { return step.app_id == app_id; });
  return found;
}

}  // namespace pixell::engine::ecs
