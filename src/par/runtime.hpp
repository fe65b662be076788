#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/log.hpp"
#include "base/log_writer.hpp"
#include "base/result.hpp"
#include "model/boot_report.hpp"
#include "net/client.hpp"
#include "net/event_loop.hpp"
#include "net/server.hpp"
#include "par/boot/boot_report_file.hpp"
#include "par/boot/boot_sequence.hpp"
#include "par/boot/boot_timeline.hpp"
#include "par/children.hpp"
#include "par/config.hpp"
#include "par/drain_sequence.hpp"
#include "par/observe/access_log.hpp"
#include "par/observe/observer.hpp"
#include "par/surface/agent_view.hpp"
#include "par/surface/routes.hpp"
#include "par/worker/agent.hpp"

namespace pixell::par {

/// The life of one agent, on one event loop:
///
///   configure ─▶ bind ─▶ fetch ─▶ verify ─▶ unpack ─▶ manifest ─▶ dependencies ─▶ worker ─▶ probe
///       │         │        └──────────┴── par-prepare ──┴──────────────┘            ▲        │
///       │         │  listening, health says 503 and the phase                       │        ▼
///       │         │                                             every worker died └──── ready
///       │         │                                                                          │
///       ▼         ▼   from any phase before ready                     SIGTERM, from any phase ▼
///     failed ◀────┴──────────────────────────                       stopped ◀─────────────
///     draining
///
/// Each change is written to state.json; a boot ends in boot_report.json, a life in exit.json.
class Runtime final : private BootOwner, private AgentOwner, private DrainOwner {
 public:
  /// `loop` and `children` outlive the runtime. When its life is over it stops the loop.
  Runtime(net::EventLoop& loop, Children& children, Config config, Environment environment,
          Programs programs, Log log);
  ~Runtime() override;

  /// Binds the listeners and begins to boot. A failure is told like any other: by exit_code() after
  /// the loop has ended.
  void start();
  /// A stop was asked for (SIGTERM, SIGINT). The second time cuts what still runs.
  void stop(int signal);

  /// 0 after a stop, else the code of the cause.
  int exit_code() const { return exit_code_; }
  const AgentView& view() const { return view_; }

 private:
  Result<void> bind();
  Result<void> listen(const std::string& name, std::uint16_t port);
  void enter(Phase phase);
  void write_state();

  void boot_entered(Phase phase) override;
  void boot_succeeded() override;
  void boot_failed(model::Failure failure) override;
  void agent_loaded() override { boot_.agent_loaded(); }
  void agent_up() override;
  void agent_failed(model::Failure failure) override;
  void worker_died() override;
  void agent_stopped() override;
  void agent_ending() override { routes_.expect_ends(); }
  void drain_deadline() override { routes_.end_streams(); }
  void drained() override { end(0); }

  void ready();
  void first_ready();
  void timed_out(const char* limit, Millis after);
  void fail_by_timeout();
  void cancel_deadlines();
  void fail(model::Failure failure);
  void end(int code);
  void finish(int code);
  void write_report(bool is_ready);
  void check(const Result<void>& written) const;
  double boot_ms() const;

  net::EventLoop& loop_;
  Config config_;
  Environment environment_;
  Programs programs_;
  Log log_;
  BootReportFile files_;
  BootTimeline timeline_;
  Instant started_;
  UnixMillis began_;
  AgentView view_;
  Observer observer_;
  LogWriter log_writer_;
  AccessLog access_log_;
  net::HttpClient client_;
  Agent agent_;
  BootSequence boot_;
  Routes routes_;
  net::HttpServer server_;
  DrainSequence drain_;
  bool was_ready_ = false;
  bool is_over_ = false;
  bool is_ending_ = false;
  int exit_code_ = 0;
  std::optional<model::Failure> failure_;
  net::Timer startup_timer_;
  net::Timer hard_limit_timer_;
  net::Timer where_timer_;
  std::string timeout_;  // which limit has passed, while the agent is asked where it is
  net::Timer backoff_timer_;
};

}  // namespace pixell::par
