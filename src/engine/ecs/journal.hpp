#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace pixell::engine::ecs {

/// One change that is about to be made, or was.
struct Step {
  std::string app_id;
  std::string action;    ///< "ecs CreateService"
  std::string resource;  ///< a name, or an ARN where there is one
  bool operator==(const Step&) const = default;
};

/// Where changes are recorded before they are made, so that what a crash left behind is known.
/// Steps hold no secret. The caller makes them lasting; one sync of an app runs at a time.
class Journal {
 public:
  virtual ~Journal() = default;

  /// Before a change, or before the first of several that lead to it. A failure here is the sync's:
  /// nothing was changed. The same step may begin again.
  virtual Result<void> begin(const Step& step) = 0;

  /// After it; `result` is the ARN of what was made, if something was. A step that failed stays
  /// open.
  virtual Result<void> end(const Step& step, const std::string& result) = 0;

  /// Steps of an app that began and did not end, the oldest first.
  virtual Result<std::vector<Step>> open(const std::string& app_id) = 0;
};

}  // namespace pixell::engine::ecs
