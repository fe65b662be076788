#include "engine/engine.hpp"

#include <fmt/format.h>

namespace pixell::engine {

Result<bool> Engine::forget_app(std::string_view) { return true; }

TrafficMover* Engine::traffic_mover() { return nullptr; }

Scaler* Engine::scaler() { return nullptr; }

Error does_not_run(std::string_view instance_id) {
  return make_error(ErrorCode::FailedPrecondition,
                    fmt::format("instance '{}' does not run: it uses nothing", instance_id));
}

}  // namespace pixell::engine
