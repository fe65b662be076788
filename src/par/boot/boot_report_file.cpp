#include "par/boot/boot_report_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "par/limits.hpp"

namespace pixell::par {

namespace {

// A JSON text whatever the evidence holds: bytes that are not UTF-8 are replaced, never thrown at.
std::string dump(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

Result<void> BootReportFile::make_place() const {
  if (is_off()) return {};
  return make_directories(directory_);
}

Result<void> BootReportFile::write_state(Phase phase, bool ready, UnixMillis now,
                                         int restarts) const {
  if (is_off()) return {};
  return write_file_atomically(
      directory_ / "state.json",
      fmt::format("{{\"phase\":\"{}\",\"ready\":{},\"at\":{},\"restarts\":{}}}\n", to_string(phase),
                  ready, now, restarts),
      0644, Durability::ProcessCrash);
}

Result<void> BootReportFile::write_report(const model::BootReport& report) const {
  if (is_off()) return {};
  return write_file_atomically(directory_ / "boot_report.json", dump(model::to_json(report)), 0644,
                               Durability::ProcessCrash);
}

Result<void> BootReportFile::write_exit(int code, const std::optional<model::Failure>& failure,
                                        UnixMillis now) const {
  if (is_off()) return {};
  nlohmann::json json = {{"code", code}, {"signal", 0}, {"at", now}};
  if (failure) json["failure"] = model::to_json(*failure);
  return write_file_atomically(directory_ / "exit.json", dump(json), 0644,
                               Durability::ProcessCrash);
}

int BootReportFile::crash_count() const {
  if (is_off()) return 0;
  const auto text = read_file(directory_ / "crash_count");
  if (!text) return 0;
  int count = 0;
  std::from_chars(text->data(), text->data() + text->size(), count);
  return std::max(count, 0);
}

Result<void> BootReportFile::set_crash_count(int count) const {
  if (is_off()) return {};
  if (count > 0)
    return write_file_atomically(directory_ / "crash_count", fmt::format("{}\n", count), 0644,
                                 Durability::ProcessCrash);
  std::error_code failed;
  std::filesystem::remove(directory_ / "crash_count", failed);
  if (failed) return errno_error("cannot remove crash_count", failed.value());
  return {};
}

int crash_backoff_seconds(int failures_before, model::Cause cause) {
  if (failures_before <= 0 || model::exit_code_of(cause) == 1) return 0;
  if (failures_before >= 6) return kMaxCrashBackoffSeconds;
  return std::min(kMaxCrashBackoffSeconds, 1 << failures_before);
}

}  // namespace pixell::par
