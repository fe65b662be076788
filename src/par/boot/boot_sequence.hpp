#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/log.hpp"
#include "model/boot_report.hpp"
#include "net/client.hpp"
#include "net/event_loop.hpp"
#include "par/boot/prepare_process.hpp"
#include "par/boot/work_places.hpp"
#include "par/children.hpp"
#include "par/config.hpp"
#include "par/surface/agent_view.hpp"
#include "par/surface/ui_files.hpp"
#include "par/worker/agent.hpp"
#include "par/worker/grpc_probe.hpp"

namespace pixell::par {

/// Programs and directories par uses; cmd/par finds them.
struct Programs {
  std::string prepare;     ///< par-prepare
  std::string telemetry;   ///< par-telemetry; may be absent, it is needed for the export of spans
  std::string worker_dir;  ///< workers/python
};

/// Told how a boot or a restart of the worker goes.
class BootOwner {
 public:
  virtual ~BootOwner() = default;
  virtual void boot_entered(Phase phase) = 0;
  /// All configured surfaces answer.
  virtual void boot_succeeded() = 0;
  /// At most once per start; nothing of the sequence runs any more but perhaps the worker.
  virtual void boot_failed(model::Failure failure) = 0;
};

/// What a BootSequence works with; all of it outlives the sequence.
struct BootContext {
  net::EventLoop& loop;
  Children& children;
  net::HttpClient& client;
  Agent& agent;
  AgentView& view;
  const Config& config;
  const Environment& environment;
  const Programs& programs;
  const Log& log;
};

/// Brings the agent from a package, or from a dead worker, to answering on all its surfaces:
///
///   start ─▶ fetch ▶ verify ▶ unpack ▶ manifest ▶ dependencies (par-prepare) ─┐
///                                  start_worker ─▶ worker ─hello─▶ probe ─▶ succeeded
class BootSequence final : private PrepareOwner {
 public:
  BootSequence(BootContext context, BootOwner& owner);
  ~BootSequence() override;

  /// Prepares the package, then start_worker().
  void start();
  /// Starts the worker of the prepared package, or probes at once when it needs none.
  void start_worker();
  /// Gives up what runs; the owner is not called any more. The worker is the owner's to end.
  void stop();
  /// Ends par-prepare at once and removes the directories. Only when the worker is gone.
  void clean_up();

  /// Forwarded from the agent while the sequence runs.
  void agent_up(const Hello& hello);
  void agent_lost(model::Failure failure);

  bool is_running() const { return is_running_; }
  /// What was prepared; nothing before.
  const std::optional<Prepared>& prepared() const { return prepared_; }
  /// The last lines of whoever works now.
  std::vector<std::string> evidence() const;

 private:
  void preparation_entered(Phase phase) override;
  void package_prepared(Prepared prepared) override;
  void preparation_failed(model::Failure failure) override;
  bool open_ui();
  void log_package() const;
  void log_surfaces() const;
  Result<std::uint16_t> port_for_own_server() const;
  void probe();
  void ask_servicer();
  void succeed();
  void fail(model::Failure failure);

  BootContext context_;
  BootOwner& owner_;
  bool is_running_ = false;
  std::unique_ptr<WorkPlaces> places_;
  std::unique_ptr<PrepareProcess> prepare_;
  std::optional<Prepared> prepared_;
  std::unique_ptr<UiFiles> ui_files_;
  GrpcProbe grpc_probe_;
  Instant probe_started_{};
  net::Timer probe_pause_;
};

}  // namespace pixell::par
