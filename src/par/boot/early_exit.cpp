#include "par/boot/early_exit.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "par/boot/boot_report_file.hpp"

namespace pixell::par {

void log_boot_failed(const Log& log, const model::Failure& failure, int exit_code) {
  const std::string evidence = nlohmann::json(failure.evidence)
                                   .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  log.error("Boot failed", {{"cause", to_string(failure.cause)},
                            {"message", failure.message},
                            {"evidence", LogValue::raw_json(evidence)},
                            {"remedy", failure.remedy},
                            {"exit_code", exit_code}});
}

int fail_early(const Environment& env, const model::Failure& failure, const Log& log,
               const Clock& clock) {
  const int code = model::exit_code_of(failure.cause);
  const auto found = env.find("INSTANCE_DIR");
  const bool has_directory = found != env.end() && found->second.starts_with('/');
  const BootReportFile files(has_directory ? found->second : std::string());
  model::BootReport report;
  report.failure = failure;
  const UnixMillis now = clock.unix_now();
  for (const auto& written :
       {files.make_place(), files.write_report(report),
        files.write_state(Phase::Failed, false, now), files.write_exit(code, failure, now)})
    if (!written)
      log.warning("A report could not be written", {{"reason", written.error().message}});
  log_boot_failed(log, failure, code);
  return code;
}

int refuse_config(const Environment& env, const std::vector<std::string>& errors, const Log& log,
                  const Clock& clock) {
  for (const std::string& error : errors)
    log.error("Configuration validation error", {{"error", error}});
  log.error("Runtime configuration validation failed", {{"error_count", errors.size()}});
  return fail_early(
      env,
      model::make_failure(model::Cause::ConfigInvalid,
                          errors.size() == 1 ? errors.front()
                                             : fmt::format("{} variables are wrong", errors.size()),
                          errors),
      log, clock);
}

}  // namespace pixell::par
