#pragma once

#include "api/api.hpp"

namespace pixell::api {

/// Waits for a while, or until the API stops.
void pause(const ApiContext& context, Millis time);

/// The answer when too many requests wait, watch or follow already.
Reply too_many_waiting();

}  // namespace pixell::api
