#pragma once

#include <array>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "aws/rate_limiter.hpp"
#include "aws/services.hpp"
#include "engine/ecs/alb_traffic.hpp"
#include "engine/ecs/discovery_sync.hpp"
#include "engine/ecs/ecs_engine.hpp"
#include "engine/ecs/file_journal.hpp"
#include "engine/ecs/instance_book.hpp"
#include "engine/ecs/removal.hpp"
#include "engine/ecs/service_sync.hpp"
#include "engine/ecs/steps.hpp"
#include "engine/ecs/task_log.hpp"
#include "engine/ecs/task_view.hpp"
#include "engine/ecs/usage_reader.hpp"
#include "engine/scaler.hpp"

// EcsEngine, whose members are in ecs_engine.cpp (what the interface has), ecs_observe.cpp (what
// AWS has), ecs_settle.cpp (what that means for instances), ecs_change.cpp (what AWS is told) and
// ecs_scale.cpp (apps that AWS scales).
namespace pixell::engine::ecs {

/// What one look at AWS saw.
struct Sight {
  std::map<std::string, TaskFacts> tasks{};  ///< ours, by ARN
  std::set<std::string> missing{};           ///< ARNs that were asked for and AWS does not know
  std::map<std::string, ServiceFacts> services{};  ///< that were looked at, by name
  std::set<std::string> looked_at{};               ///< names of services, there or not
  std::vector<SlotRecord> slots{};                 ///< as they were before the look
};

/// What AWS was told last of an app's scaling, successfully or not.
struct ToldScaling {
  std::optional<model::ScalingOrder> order{};
  std::array<bool, kSlots> targets{};
  Instant again_at{};  ///< when it is told again, or compared
};

class EcsEngine final : public Engine, public Scaler {
 public:
  EcsEngine(const EcsOptions& options, const std::string& installation);

  Capabilities capabilities() override;
  Result<model::Instance> ensure(const InstanceSpec& spec) override;
  Result<void> stop(std::string_view instance_id, Millis grace) override;
  Result<void> remove(std::string_view instance_id) override;
  Result<std::vector<model::Instance>> list() override;
  Result<model::Instance> inspect(std::string_view instance_id) override;
  Result<model::InstanceUsage> usage(std::string_view instance_id) override;
  Result<LogPiece> read_log(std::string_view instance_id, const LogRange& range) override;
  Result<std::int64_t> wait_for_change(std::int64_t after, Millis timeout,
                                       std::stop_token stop) override;
  Result<bool> forget_app(std::string_view app_id) override;
  TrafficMover* traffic_mover() override { return traffic_ ? &*traffic_ : nullptr; }
  Scaler* scaler() override { return this; }

  Result<void> scale_app(std::string_view app_id, const std::optional<model::ScalingOrder>& order,
                         int instances) override;
  Result<std::optional<model::ScalingReport>> scaling_of(std::string_view app_id) override;
  Result<std::map<std::string, model::ScalingReport>> scalings() override;

 private:
  // ecs_engine.cpp
  Result<void> load();
  Result<InstanceRecord> known(std::string_view instance_id) const;
  /// Looks at AWS if it is time to; the failure of the last look otherwise.
  Result<void> look_if_due(const std::stop_token& stop = {});
  bool is_due() const;
  void changed();
  /// Whether an instance is in list(): one that AWS may turn out never to start is not, so that
  /// nobody misses it afterwards.
  void set_listed(const std::string& instance_id, bool is_listed);
  LogStream log_stream(const InstanceRecord& record) const;
  std::shared_ptr<TaskLog> task_log(const std::string& instance_id);
  /// Nobody else changes records or services of the app meanwhile.
  std::shared_ptr<std::mutex> app_mutex(const std::string& app_id);

  // ecs_observe.cpp
  /// One look at everything, and what follows from it. One at a time.
  Result<void> look(const std::stop_token& stop);
  Result<Sight> observe(const std::stop_token& stop);
  Result<void> describe_tasks(const std::vector<std::string>& arns, Sight& sight,
                              const std::stop_token& stop);
  Result<std::vector<std::string>> list_tasks(const nlohmann::json& filter,
                                              const std::stop_token& stop);
  Result<void> find_failed_starts(Sight& sight, const std::stop_token& stop);
  Result<void> describe_services(Sight& sight, const std::stop_token& stop);
  std::vector<std::string> services_to_look_at(const Sight& sight);
  std::optional<Slot> slot_of(const TaskFacts& task) const;
  bool is_in_motion() const;

  // ecs_settle.cpp
  Result<void> settle(const std::string& app_id, const Sight& sight, const std::stop_token& stop);
  void follow(InstanceRecord& record, const Sight& sight);
  void follow_task(InstanceRecord& record, const TaskFacts& task);
  void end_with(InstanceRecord& record, const TaskFacts& task);
  void end_as(InstanceRecord& record, model::InstancePhase phase,
              std::optional<model::Failure> failure);
  std::vector<std::string> log_end(const InstanceRecord& record);
  Result<void> bind(const std::string& app_id, const Sight& sight);
  Result<void> adopt_found(const std::string& app_id, const Sight& sight);
  Result<void> fail_unplaced(const std::string& app_id, const Sight& sight);
  Result<void> look_at_drift(const std::string& app_id, const Sight& sight);

  // ecs_change.cpp
  Work work_of(const Aim& aim, const std::stop_token& stop);
  /// Brings the slot's service to the number of instances that are wanted there.
  Result<void> bring(const std::string& app_id, Slot slot, const Sight* sight,
                     const std::stop_token& stop);
  Result<void> raise(SlotRecord slot, const std::vector<InstanceRecord>& wanted, int number,
                     const std::stop_token& stop);
  Result<void> place(SlotRecord slot, const std::vector<InstanceRecord>& wanted, int number,
                     const std::stop_token& stop);
  Result<void> lower(SlotRecord slot, const std::vector<InstanceRecord>& all,
                     const std::stop_token& stop);
  Result<void> scale(SlotRecord& slot, int desired, bool is_forced, const std::stop_token& stop);
  /// For so many minutes; 0 takes it away. True when it was done for all of them.
  Result<bool> protect(const SlotRecord& slot, const std::vector<InstanceRecord>& stay, int minutes,
                       const std::stop_token& stop);
  Result<void> end_protection(SlotRecord slot, const std::vector<InstanceRecord>& stay,
                              const std::stop_token& stop);
  Result<void> stop_task(InstanceRecord& record, const std::string& why,
                         const std::stop_token& stop);
  Result<void> force_stops(const std::string& app_id, const std::stop_token& stop);
  Result<void> tag_tasks(const std::string& app_id, const std::stop_token& stop);
  void mirror(const std::string& app_id, const std::stop_token& stop);

  // ecs_scale.cpp
  /// The number of tasks that a scaled service has, which is then not ours to decide; none = the
  /// instances that are wanted there say it.
  std::optional<int> scaled_number(const SlotRecord& slot) const;
  Result<void> bring_scaled(const SlotRecord& slot, int number,
                            const std::vector<InstanceRecord>& all, const std::stop_token& stop);
  Result<void> hold(const SlotRecord& slot, const std::vector<InstanceRecord>& wanted,
                    const std::stop_token& stop);
  Result<void> release(const SlotRecord& slot, const std::vector<InstanceRecord>& all,
                       const std::stop_token& stop);
  /// What was protected for a scaled app is protected for a scaling in of ours.
  Result<SlotRecord> let_go(SlotRecord slot, const std::vector<InstanceRecord>& all);
  bool is_held(const SlotRecord& slot) const;
  /// Somebody else changed the number of a scaled service.
  Result<void> follow_number(SlotRecord slot, int desired);
  /// Tells AWS how the app is scaled, if that is due; a failure is logged and told again later.
  void tell_scaling(const std::string& app_id, int* looks_left, const std::stop_token& stop);
  Result<void> bring_targets(ScalingRecord record, const std::stop_token& stop);
  std::array<bool, kSlots> targets_of(const ScalingRecord& record) const;

  const Settings settings_;
  const Names names_;
  const Clock& clock_;
  const Log log_;
  const EcsCadence cadence_;
  aws::RateLimiter limiter_;
  aws::Services aws_;
  InstanceBook book_;
  FileJournal journal_;
  ServiceSync sync_;
  DiscoverySync discovery_;
  AppRemoval removal_;
  UsageReader usage_;
  std::optional<RulePlacer> placer_{};   // with Routing::Alb
  std::optional<AlbTraffic> traffic_{};  // with Routing::Alb

  std::mutex look_mutex_;                       // one look at a time; guards what follows
  std::set<std::string> foreign_{};             // ARNs of running tasks that are not ours
  std::size_t next_service_ = 0;                // where the next look at services begins
  int scalings_left_ = 0;                       // that this look may still compare
  std::map<std::string, Instant> mirror_at_{};  // apps that Cloud Map has to be told of

  mutable std::mutex mutex_;  // guards everything below
  std::condition_variable_any woken_;
  std::int64_t position_ = 1;
  bool is_loaded_ = false;
  bool is_waiter_looking_ = false;
  std::optional<Instant> looked_at_{};
  std::optional<Error> failure_{};
  std::set<std::string> unproven_{};  // instances that are ensured for the first time
  std::map<std::pair<std::string, Slot>, Instant> spare_since_{};
  std::map<std::string, Instant>
      silent_since_{};                           // instances whose log may still say why they ended
  std::map<std::string, Instant> removed_at_{};  // of apps that were not gone then
  std::map<std::string, ToldScaling> told_scalings_{};
  std::map<std::string, std::shared_ptr<std::mutex>> app_mutexes_{};
  std::map<std::string, std::shared_ptr<TaskLog>> logs_{};
};

}  // namespace pixell::engine::ecs
