#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/ecs/task_view.hpp"
#include "model/boot_report.hpp"

namespace pixell::engine::ecs {

/// The signal that a container's exit code tells of (128 + n); 0 for none.
int signal_of_exit(int exit_code);

/// What par said of its own failure: its last line "Boot failed". None when there is none.
std::optional<model::Failure> failure_in_log(const std::vector<std::string>& lines);

/// Why a task ended, of AWS's codes and words, and par's own where it knows better. `log_end` are
/// the last lines of its log.
model::Failure failure_of_task(const TaskFacts& task, const std::vector<std::string>& log_end);

/// Why a service starts no task: of its events and what became of its deployment, which are the
/// evidence.
model::Failure failure_of_service(const ServiceFacts& service, std::string message);

}  // namespace pixell::engine::ecs
