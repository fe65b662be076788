#include "engine/records/instance_files.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/files.hpp"

namespace pixell::engine {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr const char* kSpec = "spec.json";
constexpr const char* kProcess = "process.json";
constexpr const char* kStop = "stop.json";
constexpr const char* kExit = "exit.json";
constexpr const char* kState = "state.json";
constexpr const char* kBootReport = "boot_report.json";

// Reads one record: nullopt when the file is absent, DataLoss naming it when it is not understood.
template <class T>
Result<std::optional<T>> read_record(const fs::path& path,
                                     const std::function<Result<T>(const json&)>& decode) {
  const auto text = read_file(path);
  if (!text && text.error().code == ErrorCode::NotFound) return std::optional<T>();
  if (!text) return text.error();
  const json document = json::parse(*text, nullptr, false);
  if (!document.is_object())
    return make_error(ErrorCode::DataLoss, fmt::format("{} is not JSON", path.string()));
  try {
    auto value = decode(document);
    if (!value)
      return make_error(ErrorCode::DataLoss,
                        fmt::format("{}: {}", path.string(), value.error().message));
    return std::optional<T>(std::move(*value));
  } catch (const json::exception& failure) {
    return make_error(ErrorCode::DataLoss, fmt::format("{}: {}", path.string(), failure.what()));
  }
}

// Own sub-directories must never be links that a former agent planted: mkdir and lchown only.
Result<void> make_private_directory(const fs::path& path, std::optional<uid_t> user) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return errno_error(fmt::format("cannot make {}", path.string()), errno);
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0 || !S_ISDIR(found.st_mode))
    return make_error(ErrorCode::FailedPrecondition,
                      fmt::format("{} is not a directory", path.string()));
  if (user && ::lchown(path.c_str(), *user, *user) != 0)
    return errno_error(fmt::format("cannot give {} to user {}", path.string(), *user), errno);
  return {};
}

}  // namespace

Result<void> InstanceFiles::make_directories(std::optional<uid_t> user) const {
  TRY_VOID(pixell::make_directories(directory_, 0711));
  // mkdir honours the umask. The agent's user must get through to its own directories, as the
  // only one besides us: others may learn the path (from a command line) but not use it.
  if (user && ::lchown(directory_.c_str(), static_cast<uid_t>(-1), *user) != 0)
    return errno_error(fmt::format("cannot open {} to user {}", directory_.string(), *user), errno);
  if (::chmod(directory_.c_str(), user ? 0710 : 0700) != 0)
    return errno_error(fmt::format("cannot open {}", directory_.string()), errno);
  return make_private_directory(directory_ / "work", user);
}

Result<void> InstanceFiles::write_spec(const SpecRecord& record) const {
  const json document = {
      {"spec", to_json(record.spec)}, {"slot", record.slot}, {"recorded_at", record.recorded_at}};
  return write_file_atomically(directory_ / kSpec, document.dump(), 0600);
}

Result<std::optional<SpecRecord>> InstanceFiles::read_spec() const {
  return read_record<SpecRecord>(
      directory_ / kSpec, [](const json& document) -> Result<SpecRecord> {
        TRY(InstanceSpec spec, instance_spec_from_json(document.at("spec")));
        return SpecRecord{.spec = std::move(spec),
                          .slot = document.at("slot").get<int>(),
                          .recorded_at = document.value("recorded_at", UnixMillis(0))};
      });
}

Result<void> InstanceFiles::write_process(const ProcessRecord& record) const {
  const json document = {{"pid", record.identity.pid},
                         {"start_time", record.identity.start_time},
                         {"boot_id", record.identity.boot_id},
                         {"started_at", record.started_at}};
  return write_file_atomically(directory_ / kProcess, document.dump(), 0600);
}

Result<std::optional<ProcessRecord>> InstanceFiles::read_process() const {
  return read_record<ProcessRecord>(
      directory_ / kProcess, [](const json& document) -> Result<ProcessRecord> {
        ProcessRecord record;
        record.identity.pid = document.at("pid").get<pid_t>();
        record.identity.start_time = document.at("start_time").get<std::uint64_t>();
        record.identity.boot_id = document.at("boot_id").get<std::string>();
        record.started_at = document.value("started_at", UnixMillis(0));
        return record;
      });
}

Result<void> InstanceFiles::write_stop(const StopRecord& record) const {
  const json document = {{"requested_at", record.requested_at}, {"deadline", record.deadline}};
  return write_file_atomically(directory_ / kStop, document.dump(), 0600);
}

Result<std::optional<StopRecord>> InstanceFiles::read_stop() const {
  return read_record<StopRecord>(
      directory_ / kStop, [](const json& document) -> Result<StopRecord> {
        return StopRecord{.requested_at = document.at("requested_at").get<UnixMillis>(),
                          .deadline = document.at("deadline").get<UnixMillis>()};
      });
}

Result<void> InstanceFiles::write_exit(const ExitRecord& record) const {
  json document = {{"code", record.code}, {"signal", record.signal}, {"at", record.at}};
  if (record.failure) document["failure"] = model::to_json(*record.failure);
  return write_file_atomically(directory_ / kExit, document.dump(), 0600);
}

Result<std::optional<ExitRecord>> InstanceFiles::read_exit() const {
  return read_record<ExitRecord>(
      directory_ / kExit, [](const json& document) -> Result<ExitRecord> {
        ExitRecord record;
        record.code = document.at("code").get<int>();
        record.signal = document.value("signal", 0);
        record.at = document.value("at", UnixMillis(0));
        if (document.contains("failure") && document["failure"].is_object()) {
          TRY(record.failure, model::failure_from_json(document["failure"]));
        }
        return record;
      });
}

Result<std::optional<ParState>> InstanceFiles::read_state() const {
  return read_record<ParState>(directory_ / kState, [](const json& document) -> Result<ParState> {
    return ParState{.phase = document.at("phase").get<std::string>(),
                    .ready = document.value("ready", false),
                    .restarts = document.value("restarts", 0)};
  });
}

Result<std::optional<model::BootReport>> InstanceFiles::read_boot_report() const {
  return read_record<model::BootReport>(directory_ / kBootReport, [](const json& document) {
    return model::boot_report_from_json(document);
  });
}

void InstanceFiles::forget_last_run() const {
  // An absent file is what is wanted; anything else shows when the new run is read.
  for (const char* name : {kState, kBootReport, kExit, kStop, kProcess})
    ::unlink((directory_ / name).c_str());
}

}  // namespace pixell::engine
