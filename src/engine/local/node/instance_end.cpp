// The part of InstanceProcess that finds out how par ended, records and shows it.

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include "base/crash_point.hpp"
#include "engine/local/node/instance_process.hpp"
#include "engine/local/node/limits.hpp"
#include "engine/local/node/process_tree.hpp"
#include "engine/local/node/turn_away.hpp"

namespace pixell::engine::node {

using model::InstancePhase;

void InstanceProcess::note_machine_restart(const ProcessIdentity& identity) const {
  const auto own = identify_process(::getpid());
  const auto exit = files_.read_exit();
  if (!own || own->boot_id == identity.boot_id || !exit || exit->has_value()) return;
  const ExitRecord record{
      .code = 0,
      .signal = SIGKILL,
      .at = node_.clock.unix_now(),
      .failure = model::make_failure(model::Cause::EngineFailed,
                                     "the machine restarted while the instance ran")};
  if (auto written = files_.write_exit(record); !written)
    log_.error("Exit record cannot be written", {{"error", written.error().message}});
}

void InstanceProcess::on_ended(std::optional<ExitStatus> status) {
  crash_point("node.end.seen");
  refresh();  // the last words of par may have come together with its end
  life_ = Life::Ended;
  const ExitRecord exit = exit_record(status);
  crash_point("node.end.recorded");
  clean_up_after_end();
  show_end(exit);
}

void InstanceProcess::clean_up_after_end() {
  deadline_timer_.cancel();
  probe_.stop();
  if (is_watched_) node_.loop.remove(pidfd_.get());
  is_watched_ = false;
  pidfd_.reset();
  // Nobody will accept any more: a client must be refused at once instead of waiting.
  ::unlink(files_.socket().c_str());
  if (listener_) turn_away_waiting(listener_.get());
  listener_.reset();
  adoption_note_.clear();
  cgroup_.kill_all();
  has_group_left_ = !cgroup_.remove();
}

ExitRecord InstanceProcess::exit_record(std::optional<ExitStatus> status) {
  auto exit = or_logged(files_.read_exit(), log_);
  const bool is_complete = exit && (exit->code == 0 || exit->failure || stop_);
  if (!exit) {
    // par writes its record before it ends by itself, so without one it was killed.
    exit = ExitRecord{.code = 0, .signal = status ? 0 : SIGKILL, .at = node_.clock.unix_now()};
  }
  if (status) {
    exit->code = status->code;
    exit->signal = status->signal;
  }
  const bool is_failure = !stop_ && (exit->code != 0 || exit->signal != 0);
  const bool ran_out_of_memory = is_failure && cgroup_.oom_kills() > 0;
  if (forced_failure_) exit->failure = forced_failure_;
  if (is_failure && !exit->failure && observed_.boot_report)
    exit->failure = observed_.boot_report->failure;
  const bool is_vague = !exit->failure || exit->failure->cause == model::Cause::Signalled ||
                        exit->failure->cause == model::Cause::Exited;
  if (ran_out_of_memory && is_vague) {
    exit->failure = model::make_failure(
        model::Cause::OutOfMemory,
        fmt::format("the instance needed more than its {} MiB", record_.spec.resources.memory_mb),
        log_evidence());
  } else if (is_failure && !exit->failure) {
    exit->failure = failure_of(*exit);
  } else if (is_complete) {
    return *exit;
  }
  if (auto written = files_.write_exit(*exit); !written)
    log_.error("Exit record cannot be written", {{"error", written.error().message}});
  return *exit;
}

model::Failure InstanceProcess::failure_of(const ExitRecord& exit) const {
  if (exit.signal != 0)
    return model::make_failure(
        model::Cause::Signalled,
        fmt::format("par was ended by {} and left no report", signal_name(exit.signal)),
        log_evidence(),
        "It was killed from outside, or the machine went down: deploy it again. When that repeats, "
        "look for who sends the signal.");
  return model::make_failure(model::Cause::Exited,
                             fmt::format("par exited with code {} and left no report", exit.code),
                             log_evidence());
}

std::vector<std::string> InstanceProcess::log_evidence() const {
  const auto piece = output_.read({.max_bytes = kMaxEvidenceBytes}, true);
  if (!piece) return {piece.error().message};
  return last_lines(piece->text, kEvidenceLines);
}

void InstanceProcess::show_end(const ExitRecord& exit) {
  observed_.pid = 0;
  observed_.exit_code = exit.signal != 0 ? 128 + exit.signal : exit.code;
  observed_.exit_signal = exit.signal;
  if (!observed_.boot_report) observed_.boot_report = or_logged(files_.read_boot_report(), log_);
  if (exit.failure) {
    if (!observed_.boot_report) observed_.boot_report.emplace();
    observed_.boot_report->failure = exit.failure;
  }
  const bool is_failure = !stop_ && observed_.exit_code != 0;
  log_.info("Instance ended",
            {{"exit_code", exit.code},
             {"exit_signal", exit.signal},
             {"was_forced", was_forced_},
             {"cause", exit.failure ? model::to_string(exit.failure->cause) : "none"}});
  show(is_failure ? InstancePhase::Failed : InstancePhase::Stopped);
}

}  // namespace pixell::engine::node
