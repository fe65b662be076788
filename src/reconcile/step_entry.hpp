#pragma once

#include <string>

#include "reconcile/steps.hpp"

namespace pixell::reconcile {

/// What the journal keeps of a step besides its kind.
struct JournalEntry {
  std::string key;            ///< one per thing to be done: again is another try of the same step
  std::string deployment_id;  ///< or empty
  std::string detail;         ///< JSON object
};

JournalEntry entry_of(const std::string& app_id, const Step& step);

}  // namespace pixell::reconcile
