#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/ecs/steps.hpp"

// The steps of a removal. Each looks first and says what is left.

namespace pixell::engine::ecs {

/// Deletes the app's rules in every listener. Our target groups that were in them, and those that
/// the services name, are noted in the journal as to be deleted before.
Result<void> delete_rules(const Work& work);

/// Deletes a rule; one that is gone is success.
Result<void> delete_rule(const Work& work, const std::string& arn);

/// The service of a slot, or null: not there, or what is left of a deleted one.
Result<nlohmann::json> find_service(const Work& work, Slot slot);

/// Takes the tasks of an app back from Cloud Map.
Result<void> take_tasks_back(const Work& work);

/// Deletes the app's service in Cloud Map. False while it has instances still.
Result<bool> delete_discovery(const Work& work);

/// Deregisters the app's task definitions, the oldest first, some at a time. False when there are
/// more.
Result<bool> deregister_definitions(const Work& work);

/// Deletes the app's secret, which can be restored for the days that the settings say.
Result<void> delete_secret(const Work& work);

}  // namespace pixell::engine::ecs
