#include "engine/docker/instance_view.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <charconv>

#include "engine/docker/container_request.hpp"

namespace pixell::engine::docker {

using model::Cause;
using model::InstancePhase;

namespace {

constexpr int kSignalBase = 128;  // a shell's and Docker's way to say "ended by signal n"
constexpr std::string_view kWrongFormat = "exec format error";

std::int64_t number(const std::string& text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// par names its own exit; without its word a code above 128 was a signal.
int signal_of(const ContainerFacts& facts, const ParRecords& par) {
  const bool is_own_exit = par.exit && par.exit->code == facts.exit_code;
  return facts.exit_code > kSignalBase && facts.exit_code < kSignalBase + NSIG && !is_own_exit
             ? facts.exit_code - kSignalBase
             : 0;
}

bool is_vague(const std::optional<model::Failure>& failure) {
  return !failure || failure->cause == Cause::Signalled || failure->cause == Cause::Exited;
}

std::optional<model::Failure> told_failure(const ParRecords& par, const EngineRecords& engine) {
  if (engine.forced) return engine.forced;
  if (par.exit && par.exit->failure) return par.exit->failure;
  return par.boot_report ? par.boot_report->failure : std::nullopt;
}

bool is_failed_end(const ContainerFacts& facts, const EngineRecords& engine) {
  return facts.has_ended() && !engine.stop && facts.exit_code != 0;
}

model::Failure end_failure(const ContainerFacts& facts, int signal,
                           std::vector<std::string> log_end) {
  if (facts.ran_out_of_memory)
    return model::make_failure(
        Cause::OutOfMemory,
        fmt::format("the instance needed more than its {} MiB", facts.label(kMemoryLabel)),
        std::move(log_end));
  const bool is_wrong_format = std::any_of(
      log_end.begin(), log_end.end(),
      [](const std::string& line) { return line.find(kWrongFormat) != std::string::npos; });
  if (is_wrong_format)
    return model::make_failure(Cause::WrongArchitecture,
                               "the image's program is not for this machine's processor",
                               std::move(log_end),
                               "Build the image for this machine, or name another one with "
                               "--docker-image.");
  if (signal != 0)
    return model::make_failure(
        Cause::Signalled,
        fmt::format("the container was ended by signal {} and par left no report", signal),
        std::move(log_end),
        "It was killed from outside, or the Docker daemon stopped it: deploy it again. When that "
        "repeats, look for who sends the signal.");
  return model::make_failure(
      Cause::Exited,
      facts.error.empty()
          ? fmt::format("the container ended with code {} and par left no report", facts.exit_code)
          : fmt::format("the container could not be run: {}", facts.error),
      std::move(log_end));
}

InstancePhase running_phase(const ParRecords& par, const EngineRecords& engine) {
  if (engine.stop ||
      (par.state && (par.state->phase == "draining" || par.state->phase == "stopped")))
    return InstancePhase::Draining;
  return par.state && par.state->ready ? InstancePhase::Ready : InstancePhase::Starting;
}

}  // namespace

bool needs_evidence(const ContainerFacts& facts, const ParRecords& par,
                    const EngineRecords& engine) {
  return is_failed_end(facts, engine) && is_vague(told_failure(par, engine));
}

model::Instance view_instance(const ContainerFacts& facts, const ParRecords& par,
                              const EngineRecords& engine, std::vector<std::string> log_end) {
  model::Instance seen;
  seen.id = facts.label(kInstanceLabel);
  seen.app_id = facts.label(kAppLabel);
  seen.revision = number(facts.label(kRevisionLabel));
  seen.address = facts.address;
  // Made but not started: its start is still to be asked for.
  seen.started_at = facts.was_started() ? facts.started_at : 0;
  seen.changed_at = facts.was_started() ? facts.started_at : facts.created_at;
  seen.boot_report = par.boot_report;
  if (par.state) {
    seen.boot_phase = par.state->phase;
    seen.restarts = par.state->restarts;
  }
  if (!facts.has_ended()) {
    seen.pid = facts.pid;
    seen.phase = running_phase(par, engine);
    if (engine.stop) seen.changed_at = engine.stop->requested_at;
    return seen;
  }
  seen.changed_at = facts.finished_at;
  seen.exit_code = facts.exit_code;
  seen.exit_signal = signal_of(facts, par);
  const bool is_failure = is_failed_end(facts, engine);
  seen.phase = is_failure ? InstancePhase::Failed : InstancePhase::Stopped;
  if (!is_failure) return seen;
  auto failure = told_failure(par, engine);
  if (!failure || (is_vague(failure) && facts.ran_out_of_memory))
    failure = end_failure(facts, seen.exit_signal, std::move(log_end));
  if (!seen.boot_report) seen.boot_report.emplace();
  seen.boot_report->failure = std::move(failure);
  return seen;
}

}  // namespace pixell::engine::docker
