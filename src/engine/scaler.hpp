#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "model/scaling.hpp"

namespace pixell::engine {

/// An engine's own scaling: it decides how many instances an app should have, and its caller starts
/// and stops them. Safe from any thread.
class Scaler {
 public:
  virtual ~Scaler() = default;

  /// From now on the app is scaled so; none = not any more. Where the engine has no number yet it
  /// begins with `instances`, or with what runs of the revision if that is more. Returns when it is
  /// recorded: what is not in force yet is brought there by itself.
  virtual Result<void> scale_app(std::string_view app_id,
                                 const std::optional<model::ScalingOrder>& order,
                                 int instances) = 0;

  /// What it wants for an app; none when it does not scale it.
  virtual Result<std::optional<model::ScalingReport>> scaling_of(std::string_view app_id) = 0;

  /// The same for every app that it scales. wait_for_change() tells when it may have changed.
  virtual Result<std::map<std::string, model::ScalingReport>> scalings() = 0;
};

}  // namespace pixell::engine
