#pragma once

#include <array>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "engine/ecs/names.hpp"
#include "engine/ecs/slot_choice.hpp"
#include "engine/instance_spec.hpp"
#include "model/agent_app.hpp"
#include "model/scaling.hpp"

namespace pixell::engine::ecs {

/// A stop that was asked for.
struct AskedStop {
  UnixMillis requested_at = 0;
  UnixMillis deadline = 0;  ///< the task is stopped by name then
  bool is_forced = false;   ///< it was
  bool operator==(const AskedStop&) const = default;
};

/// An instance: what was asked, which task it is, how it ended.
struct InstanceRecord {
  InstanceSpec spec;
  Slot slot = Slot::A;
  UnixMillis recorded_at = 0;  ///< before anything was asked of AWS
  bool is_found = false;       ///< made of a task's tags: of the spec only id, app and revision
  std::string task{};          ///< ARN; empty = it has none yet
  bool is_tagged = false;      ///< and the task says whose it is
  std::string address{};
  std::string task_status{};  ///< AWS's word while it starts, in small letters
  bool was_ready = false;
  bool is_leaving = false;         ///< ECS ends its task
  UnixMillis protected_until = 0;  ///< its task, for an app that is scaled; 0 = not for that
  UnixMillis changed_at = 0;
  std::optional<AskedStop> stop{};
  std::optional<model::Instance> end{};

  /// It should run.
  bool is_wanted() const { return !end && !stop; }
};

/// What AWS was asked for a slot of an app, last.
struct SlotRecord {
  std::string app_id;
  Slot slot = Slot::A;
  std::int64_t revision = 0;
  std::string definition;     ///< ARN; empty = the service was not brought there yet
  int desired = 0;            ///< what the service was told
  bool is_protected = false;  ///< tasks that stay are protected from a scaling in
  bool has_failed = false;    ///< ECS gave its deployment up
  bool operator==(const SlotRecord&) const = default;
};

/// How an app is scaled by Application Auto Scaling.
struct ScalingRecord {
  std::string app_id;
  std::optional<model::ScalingReport> report{};  ///< none = it is not any more
  std::array<bool, kSlots> has_target{};  ///< AWS may have been told to scale the slot's service
  bool operator==(const ScalingRecord&) const = default;
};

/// The instance as callers see it.
model::Instance view_of(const InstanceRecord& record);

/// What the engine knows, on disk and in memory: `<directory>/instances/<id>/record.json`,
/// `<directory>/slots/<app>.<slot>.json` and `<directory>/scaling/<app>.json`. A change that was
/// returned from survives a power cut. Safe from any thread; who changes the records of one app
/// sees to it that nobody else does.
class InstanceBook {
 public:
  explicit InstanceBook(std::filesystem::path directory) : directory_(std::move(directory)) {}

  /// Reads what is on disk. Once, before anything else. DataLoss names a file that cannot be
  /// understood.
  Result<void> load();

  std::optional<InstanceRecord> find(const std::string& id) const;
  /// Of one app, or of all (""), the oldest first.
  std::vector<InstanceRecord> instances(const std::string& app_id = {}) const;
  Result<void> keep(const InstanceRecord& record);
  /// With its directory; an unknown id is success.
  Result<void> forget(const std::string& id);
  std::filesystem::path directory_of(const std::string& id) const;

  /// A record of its own for a slot that has none.
  SlotRecord slot(const std::string& app_id, Slot slot) const;
  std::vector<SlotRecord> slots() const;
  Result<void> keep(const SlotRecord& record);
  /// Both of an app; unknown ones are success.
  Result<void> forget_slots(const std::string& app_id);
  SlotUses uses(const std::string& app_id) const;

  /// None of an app that is not scaled, and of which AWS was told nothing that is still in force.
  std::optional<ScalingRecord> scaling(const std::string& app_id) const;
  std::vector<ScalingRecord> scalings() const;
  Result<void> keep(const ScalingRecord& record);
  /// An unknown one is success.
  Result<void> forget_scaling(const std::string& app_id);

 private:
  Result<void> load_scalings();
  std::filesystem::path file_of(const std::string& app_id, Slot slot) const;

  const std::filesystem::path directory_;
  mutable std::mutex mutex_;  // guards what follows, and the files
  std::map<std::string, InstanceRecord> instances_{};
  std::map<std::string, std::set<std::string>> of_app_{};  // ids
  std::map<std::pair<std::string, Slot>, SlotRecord> slots_{};
  std::map<std::string, ScalingRecord> scalings_{};
};

}  // namespace pixell::engine::ecs
