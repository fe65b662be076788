#pragma once

#include <optional>

#include "engine/docker/container_facts.hpp"
#include "engine/records/instance_files.hpp"
#include "model/agent_app.hpp"

namespace pixell::engine::docker {

/// What par has written about itself.
struct ParRecords {
  std::optional<ParState> state;
  std::optional<model::BootReport> boot_report;
  std::optional<ExitRecord> exit;
};

/// What the engine has recorded about an instance.
struct EngineRecords {
  std::optional<StopRecord> stop;
  std::optional<model::Failure> forced;  ///< why it was ended by the engine, not by a stop
};

/// An instance as the container, par's records and the engine's show it. `log_end` has the last
/// lines of its log, for an end that nothing else explains. Pure.
model::Instance view_instance(const ContainerFacts& facts, const ParRecords& par,
                              const EngineRecords& engine, std::vector<std::string> log_end = {});

/// True when view_instance() of it can use the end of the log.
bool needs_evidence(const ContainerFacts& facts, const ParRecords& par,
                    const EngineRecords& engine);

}  // namespace pixell::engine::docker
