// The part of InstanceProcess that finds out when par answers no more.

#include <fmt/format.h>

#include "engine/local/node/instance_process.hpp"

namespace pixell::engine::node {

void InstanceProcess::probe_once_ready() {
  // Before its first ready the deadline of its start counts; in a stop, that of the stop.
  const bool was_ready = observed_.boot_report && observed_.boot_report->ready;
  if (!was_ready || stop_ || forced_failure_) return;
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
