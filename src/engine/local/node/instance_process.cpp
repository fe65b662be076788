#include "engine/local/node/instance_process.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/crash_point.hpp"
#include "base/files.hpp"
#include "base/process_usage.hpp"
#include "engine/engine.hpp"
#include "engine/local/node/adoption.hpp"
#include "engine/local/node/limits.hpp"
#include "engine/local/node/par_environment.hpp"
#include "engine/local/node/process_tree.hpp"
#include "net/sockets.hpp"

namespace pixell::engine::node {

using model::InstancePhase;

namespace {

// Reaps a child that has ended; nullopt when it is not ours to reap.
std::optional<ExitStatus> reap(int pidfd) {
  siginfo_t info{};
  if (::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG) != 0 ||
      info.si_pid == 0)
    return {};
  if (info.si_code == CLD_EXITED) return ExitStatus{.code = info.si_status, .signal = 0};
  return ExitStatus{.code = 0, .signal = info.si_status};
}

}  // namespace

InstanceProcess::InstanceProcess(NodeContext& node, SpecRecord record)
    : node_(node),
      record_(std::move(record)),
      files_(node.instance_dir(record_.spec.id)),
      output_(files_.log()),
      log_(node.log.with("instance", record_.spec.id).with("agentAppId", record_.spec.app_id)),
      probe_(node.loop, *node.client, node.probes) {
  observed_.id = record_.spec.id;
  observed_.app_id = record_.spec.app_id;
  observed_.revision = record_.spec.revision;
  observed_.address = "unix:" + files_.socket().string();
  observed_.changed_at = node_.clock.unix_now();
}

InstanceProcess::~InstanceProcess() {
  if (is_watched_) node_.loop.remove(pidfd_.get());
}

Result<void> InstanceProcess::start() {
  Result<void> started = prepare();
  if (started) {
    const auto pid = start_par();
    if (!pid) started = pid.error();
  }
  if (started) return {};
  observed_.boot_report.emplace().failure =
      model::make_failure(model::Cause::EngineFailed, started.error().message);
  listener_.reset();
  ::unlink(files_.socket().c_str());
  show(InstancePhase::Failed);
  return started;
}

Result<void> InstanceProcess::prepare() {
  files_.forget_last_run();
  stop_.reset();
  forced_failure_.reset();
  observed_.boot_report.reset();
  observed_.boot_phase.clear();
  // One journal per app, for all its instances in turn; only par reaches it.
  TRY_VOID(make_directories(node_.state_dir / "journal" / record_.spec.app_id, 0700));
  TRY(listener_, net::listen_unix(files_.socket(), 0600));
  TRY(cgroup_, node_.cgroups.create(record_.spec.id, record_.spec.resources));
  return {};
}

Result<pid_t> InstanceProcess::start_par() {
  ParEnvironment environment =
      par_environment(record_.spec, {.state_dir = node_.state_dir,
                                     .instance_dir = files_.directory(),
                                     .worker_uid = node_.user_ids.user_of(record_.slot),
                                     .node_environment = node_.environment});
  for (const std::string& name : environment.refused)
    log_.warning("Deploy-time variable left out: it would steer par itself", {{"name", name}});
  TRY(const UniqueFd log, output_.open());
  TRY(const std::vector<UniqueFd> procs, cgroup_.open_procs());
  ProcessSpec spec{.argv = {node_.par_program.string()},
                   .env = std::move(environment.variables),
                   .directory = files_.directory().string(),
                   .fds = {{log.get(), 1}, {log.get(), 2}, {listener_.get(), 3}}};
  for (const UniqueFd& fd : procs) spec.cgroup_procs.push_back(fd.get());
  const UnixMillis now = node_.clock.unix_now();
  TRY(const pid_t pid, start_process(spec));
  crash_point("node.ensure.started");

  // From here on a process runs: without a record it must not stay.
  auto identity = identify_process(pid);
  auto pidfd = identity ? open_pidfd(*identity) : Result<UniqueFd>(identity.error());
  Result<void> recorded = pidfd ? Result<void>() : pidfd.error();
  if (recorded) recorded = files_.write_process({.identity = *identity, .started_at = now});
  if (!recorded) {
    ::kill(-pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    cgroup_.kill_all();
    return recorded.error();
  }
  log_.info("Instance started", {{"pid", pid}, {"revision", record_.spec.revision}});
  show(InstancePhase::Starting);
  watch(*identity, std::move(*pidfd), now);
  return pid;
}

void InstanceProcess::watch(ProcessIdentity identity, UniqueFd pidfd, UnixMillis started_at) {
  life_ = Life::Running;
  identity_ = std::move(identity);
  pidfd_ = std::move(pidfd);
  observed_.pid = identity_.pid;
  observed_.started_at = started_at;
  observed_.exit_code = -1;
  observed_.exit_signal = 0;
  const auto added = node_.loop.add(pidfd_.get(), *this, EPOLLIN | EPOLLET);
  is_watched_ = added.has_value();
  if (!is_watched_)
    log_.error("Instance cannot be watched; its end is seen late",
               {{"error", added.error().message}});
  refresh();
}

void InstanceProcess::adopt() {
  cgroup_ = node_.cgroups.find(record_.spec.id);
  if (auto read = output_.recover(); !read)
    log_.error("Instance log has lost its position", {{"error", read.error().message}});
  stop_ = or_logged(files_.read_stop(), log_);
  auto process = or_logged(files_.read_process(), log_);
  std::optional<FoundProcess> found;
  if (process) {
    auto recorded = find_recorded(process->identity);
    if (recorded) {
      found = std::move(*recorded);
    } else {  // it is alive: taking it for dead would lose it
      log_.error("Instance cannot be opened", {{"error", recorded.error().message}});
      found = FoundProcess{.identity = process->identity, .pidfd = UniqueFd()};
    }
  } else if ((found = find_unrecorded(files_.directory(), node_.par_program))) {
    process = ProcessRecord{.identity = found->identity, .started_at = record_.recorded_at};
    if (auto written = files_.write_process(*process); !written)
      log_.error("Instance cannot be recorded", {{"error", written.error().message}});
  }
  if (!process) {  // the node died in between: what was asked for goes on
    if (auto started = start(); !started)
      log_.error("Instance not started", {{"error", started.error().message}});
    return;
  }
  observed_.started_at = process->started_at;
  if (!found) {
    observed_.boot_report = or_logged(files_.read_boot_report(), log_);
    note_machine_restart(process->identity);
    on_ended({});
    return;
  }
  auto listener = recover_listener(found->pidfd.get(), files_.socket());
  if (listener) {
    listener_ = std::move(*listener);
  } else {
    adoption_note_ = fmt::format("instance {} holds its socket alone: {}", record_.spec.id,
                                 listener.error().message);
    log_.warning("Instance adopted without its socket", {{"error", listener.error().message}});
  }
  watch(found->identity, std::move(found->pidfd), process->started_at);
  log_.info("Instance adopted", {{"pid", observed_.pid}});
  if (!stop_) return;
  // The node may have died between recording the stop and the signal.
  if (observed_.boot_phase != "draining") send_signal(SIGTERM);
  arm_deadline(stop_->deadline);
}

Result<void> InstanceProcess::stop(Millis grace) {
  if (life_ != Life::Running) return {};
  const UnixMillis now = node_.clock.unix_now();
  const StopRecord asked{
      .requested_at = stop_ ? stop_->requested_at : now,
      .deadline = now + (std::clamp(grace, Millis(0), kMaxGrace) + kStopMargin).count()};
  if (stop_ && stop_->deadline <= asked.deadline) return {};
  crash_point("node.stop.asked");
  TRY_VOID(files_.write_stop(asked));
  crash_point("node.stop.recorded");
  const bool is_first = !stop_;
  stop_ = asked;
  probe_.stop();
  arm_deadline(asked.deadline);
  if (!is_first) return {};
  log_.info("Instance asked to stop", {{"grace_ms", grace.count()}});
  send_signal(SIGTERM);
  crash_point("node.stop.signalled");
  show(InstancePhase::Draining);
  return {};
}

void InstanceProcess::arm_deadline(UnixMillis deadline) {
  const Millis left(std::clamp<std::int64_t>(deadline - node_.clock.unix_now(), 0,
                                             (kMaxGrace + kStopMargin).count()));
  deadline_timer_ = node_.loop.after(left, [this] { force_end(); });
}

void InstanceProcess::force_end() {
  if (life_ != Life::Running) return;
  if (!forced_failure_)
    log_.warning("Instance did not end in time and is killed", {{"pid", identity_.pid}});
  was_forced_ = true;
  if (!cgroup_.exists()) kill_descendants(identity_.pid);
  if (pixell::is_running(identity_)) ::kill(-identity_.pid, SIGKILL);
  send_signal(SIGKILL);
  cgroup_.kill_all();
}

Result<model::InstanceUsage> InstanceProcess::usage() const {
  if (life_ != Life::Running) return does_not_run(record_.spec.id);
  std::vector<pid_t> pids = cgroup_.processes();
  if (!cgroup_.exists()) {
    pids = descendants(identity_.pid);
    pids.push_back(identity_.pid);
  }
  const ProcessUsage seen = read_process_usage(pids).value_or(ProcessUsage());
  const Cgroup::Usage counted = cgroup_.usage();
  return model::InstanceUsage{
      .cpu_seconds = counted.cpu_seconds.value_or(seen.cpu_seconds),
      .memory_bytes = counted.memory_bytes.value_or(std::int64_t(seen.resident_bytes)),
      .threads = counted.threads.value_or(std::int64_t(seen.threads))};
}

void InstanceProcess::send_signal(int signal) const {
  // A failure means that it has just ended by itself; its end is seen elsewhere.
  if (pidfd_)
    ::syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0);
  else if (pixell::is_running(identity_))
    ::kill(identity_.pid, signal);
}

void InstanceProcess::refresh() {
  if (life_ != Life::Running) return;
  const bool had_report = observed_.boot_report.has_value();
  if (auto report = or_logged(files_.read_boot_report(), log_)) observed_.boot_report = report;
  const auto state = or_logged(files_.read_state(), log_);
  // par may say that it is ready a moment before it has written how its boot went.
  const bool has_news =
      had_report != observed_.boot_report.has_value() ||
      (state && (state->phase != observed_.boot_phase || state->restarts != observed_.restarts));
  if (state) {
    observed_.boot_phase = state->phase;
    observed_.restarts = state->restarts;
  }
  probe_once_bound();
  InstancePhase phase = InstancePhase::Starting;
  if (stop_ || (state && (state->phase == "draining" || state->phase == "stopped")))
    phase = InstancePhase::Draining;
  else if (state && state->ready)
    phase = InstancePhase::Ready;
  if (phase != observed_.phase)
    show(phase);
  else if (has_news)
    node_.changed();
}

void InstanceProcess::on_ready(std::uint32_t) {
  if (life_ != Life::Running || pixell::is_running(identity_)) return;
  // While the ended par is not reaped its number cannot belong to anybody else.
  if (const auto zombie = identify_process(identity_.pid); zombie && *zombie == identity_)
    ::kill(-identity_.pid, SIGKILL);
  on_ended(reap(pidfd_.get()));
}

bool InstanceProcess::on_reaped(pid_t pid, ExitStatus status) {
  if (life_ != Life::Running || pid != identity_.pid) return false;
  on_ended(status);
  return true;
}

void InstanceProcess::show(InstancePhase phase) {
  if (phase != observed_.phase)
    log_.info("Instance changed", {{"state", model::to_string(phase)},
                                   {"was", model::to_string(observed_.phase)},
                                   {"boot_phase", observed_.boot_phase}});
  observed_.phase = phase;
  observed_.changed_at = node_.clock.unix_now();
  node_.changed();
}

void InstanceProcess::on_tick() {
  if (life_ == Life::Running && !is_watched_) on_ready(EPOLLIN);
  if (has_group_left_) {
    cgroup_.kill_all();
    has_group_left_ = !cgroup_.remove();
  }
  if (life_ != Life::Running) return;
  if (const auto rotated = output_.rotate(kMaxLogFileBytes); !rotated)
    log_.warning("Instance log cannot be rotated", {{"error", rotated.error().message}});
}

}  // namespace pixell::engine::node
