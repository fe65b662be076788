// The part of InstanceProcess that finds out when par answers no more.

#include <fmt/format.h>

#include "engine/local/node/instance_process.hpp"
#include "engine/local/node/limits.hpp"

namespace pixell::engine::node {

void InstanceProcess::probe_once_bound() {
  // par listens before its first phase is told. In a stop the deadline of that counts.
  if (observed_.boot_phase.empty() || stop_ || forced_failure_) return;
  // Told to end by somebody else: it drains, and takes no connections any more.
  if (observed_.boot_phase == "draining" || observed_.boot_phase == "stopped") return probe_.stop();
  // Installers that take all of the instance's processor time must not make it look dead.
  const bool was_ready = observed_.boot_report && observed_.boot_report->ready;
  probe_.set_max_failures(was_ready ? kMaxProbeFailures : kMaxBootProbeFailures);
  probe_.start({observed_.address}, [this](const LostContact& lost) { on_lost_contact(lost); });
}

void InstanceProcess::on_lost_contact(const LostContact& lost) {
  if (life_ != Life::Running || stop_ || forced_failure_) return;
  const double seconds = static_cast<double>(lost.silent_for.count()) / 1000;
  std::vector<std::string> evidence = log_evidence();
  evidence.push_back(fmt::format("last question: {}", lost.problem));
  forced_failure_ = model::make_failure(
      model::Cause::Unresponsive,
      fmt::format("par ran but did not answer {} health probes in a row, for {:.1f} seconds",
                  lost.failures, seconds),
      std::move(evidence));
  log_.warning(
      "Instance answers no more and is killed",
      {{"pid", identity_.pid}, {"silent_ms", lost.silent_for.count()}, {"problem", lost.problem}});
  force_end();
}

}  // namespace pixell::engine::node
