#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/log.hpp"
#include "model/boot_report.hpp"
#include "net/event_loop.hpp"
#include "par/boot/prepare_process.hpp"
#include "par/boot/work_places.hpp"
#include "par/children.hpp"
#include "par/config.hpp"
#include "par/surface/agent_view.hpp"
#include "par/surface/ui_files.hpp"
#include "par/worker/agent.hpp"
#include "par/worker/worker_plan.hpp"

namespace pixell::par {

/// Told how a boot goes.
class BootOwner {
 public:
  virtual ~BootOwner() = default;
  virtual void boot_entered(Phase phase) = 0;
  /// All configured surfaces answer.
  virtual void boot_succeeded() = 0;
  /// At most once; nothing of the sequence runs any more but perhaps workers.
  virtual void boot_failed(model::Failure failure) = 0;
};

/// What a BootSequence works with; all of it outlives the sequence.
struct BootContext {
  net::EventLoop& loop;
  Children& children;
  Agent& agent;
  AgentView& view;
  const Config& config;
  const Environment& environment;
  const Programs& programs;
  const Log& log;
};

/// Brings the agent from a package to answering on all its surfaces:
///
///   start ─▶ fetch ▶ verify ▶ unpack ▶ manifest ▶ dependencies (par-prepare)
///                              ─▶ worker ─all loaded─▶ probe ─▶ succeeded
class BootSequence final : private PrepareOwner {
 public:
  BootSequence(BootContext context, BootOwner& owner);
  ~BootSequence() override;

  /// Prepares the package, then starts the agent's workers.
  void start();
  /// Gives up what runs; the owner is not called any more. The agent is the owner's to end.
  void stop();
  /// Ends par-prepare at once and removes the directories. Only when the workers are gone.
  void clean_up();

  /// Forwarded from the agent.
  void agent_loaded();
  void agent_up();
  void agent_failed(model::Failure failure);

  /// What was prepared; nothing before.
  const std::optional<Prepared>& prepared() const { return prepared_; }
  /// Asks code that has not finished loading to print where it is; false when nobody can be asked.
  bool ask_where_it_is();
  /// True when what is missing is an agent's own server that accepts connections.
  bool waits_for_a_listener() const;
  /// The last lines of whoever works now.
  std::vector<std::string> evidence() const;

 private:
  void preparation_entered(Phase phase) override;
  void package_prepared(Prepared prepared) override;
  void preparation_failed(model::Failure failure) override;
  bool open_ui();
  void log_package() const;
  void log_surfaces() const;
  void start_agent();
  void log_environment(const WorkerStart& start) const;
  Result<WorkerStart> plan_of(int number) const;
  Result<std::uint16_t> port_for_own_server() const;
  void probe();
  void succeed();
  void fail(model::Failure failure);

  BootContext context_;
  BootOwner& owner_;
  bool is_running_ = false;
  std::unique_ptr<WorkPlaces> places_;
  std::unique_ptr<PrepareProcess> prepare_;
  std::optional<Prepared> prepared_;
  std::unique_ptr<UiFiles> ui_files_;
};

}  // namespace pixell::par
