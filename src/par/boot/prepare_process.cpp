#include "par/boot/prepare_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/control_group.hpp"
#include "base/files.hpp"
#include "par/config.hpp"
#include "par/limits.hpp"
#include "par/redact.hpp"
#include "par/worker/sandbox.hpp"

namespace pixell::par {

namespace {

// A pipe holds this much without a reader, so the whole spec can be written before the start.
constexpr std::size_t kMaxSpecBytes = 60 * 1024;

struct Pipe {
  UniqueFd reader;
  UniqueFd writer;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error("cannot make a pipe", errno);
  return Pipe{.reader = UniqueFd(ends[0]), .writer = UniqueFd(ends[1])};
}

LogLevel level_of(const nlohmann::json& line) {
  const std::string level = line.value("level", std::string("info"));
  if (level == "error") return LogLevel::Error;
  if (level == "warning") return LogLevel::Warning;
  if (level == "debug") return LogLevel::Debug;
  return LogLevel::Info;
}

void log_event(const Log& log, const nlohmann::json& line) {
  std::vector<std::string> values;
  std::vector<LogField> fields;
  nlohmann::json given = line.value("fields", nlohmann::json::object());
  redact(given);
  values.reserve(given.size());
  for (const auto& [key, value] : given.items()) {
    values.push_back(value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    fields.push_back({key, LogValue::raw_json(values.back())});
  }
  log.line(level_of(line), line.at("event").get<std::string>(), fields);
}

Result<std::vector<std::string>> read_lines(const std::string& path) {
  TRY(const std::string text, read_file(path));
  std::vector<std::string> lines;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    lines.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return lines;
}

Result<Prepared> prepared_from_json(const nlohmann::json& line) {
  Prepared prepared;
  TRY(prepared.manifest, model::manifest_from_json(line.at("manifest")));
  prepared.root = line.at("root").get<std::string>();
  prepared.package_sha256 = line.value("package_sha256", std::string());
  prepared.interpreter = line.value("interpreter", std::string());
  prepared.interpreter_version = line.value("interpreter_version", std::string());
  prepared.venv_python = line.value("venv_python", std::string());
  prepared.module_root = line.value("module_root", std::string());
  prepared.command = line.value("command", std::vector<std::string>{});
  if (const auto lock = line.find("lock_file"); lock != line.end()) {
    TRY(prepared.dependency_lock, read_lines(lock->get<std::string>()));
  }
  prepared.dotenv = line.value("dotenv", std::map<std::string, std::string>{});
  return prepared;
}

}  // namespace

std::string prepare_spec_json(const Config& config, const std::string& work_dir,
                              const Programs& programs) {
  const Millis margin = std::min(kInstallMargin, config.startup_timeout / kInstallMarginPart);
  const std::int64_t install_seconds =
      std::max<std::int64_t>(1, (config.startup_timeout - margin).count() / 1000);
  nlohmann::json spec = {{"package_sha256", config.package_sha256},
                         {"max_package_size_mb", config.max_package_size_mb},
                         {"package_credentials", config.package_credentials},
                         {"allow_hosts", config.allow_hosts},
                         {"work_dir", work_dir},
                         {"env_store", config.env_store_dir},
                         {"env_store_max_mb", config.env_store_max_mb},
                         {"env_store_max_idle_days", config.env_store_max_idle_days},
                         {"python", config.python},
                         {"worker_uid", config.worker_uid},
                         {"base_lock", programs.worker_dir + "/base_requirements.lock"},
                         {"shipped_store", programs.environments},
                         {"wheelhouse", config.wheelhouse},
                         {"offline", config.offline},
                         {"index_url", config.index_url},
                         {"install_timeout_s", install_seconds}};
  if (config.package_path.empty())
    spec["package_url"] = config.package_url;
  else
    spec["package_path"] = config.package_path;
  return spec.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

PrepareProcess::PrepareProcess(net::EventLoop& loop, Children& children, PrepareOwner& owner,
                               Log log)
    : loop_(loop), children_(children), owner_(owner), log_(std::move(log)) {}

PrepareProcess::~PrepareProcess() {
  if (pid_ <= 0) return;
  children_.forget(pid_);
  signal_group(pid_, SIGKILL);
}

Result<void> PrepareProcess::start(const PrepareCommand& command) {
  if (command.spec_json.size() > kMaxSpecBytes)
    return make_error(ErrorCode::ResourceExhausted,
                      fmt::format("the preparation's input has more than {} bytes", kMaxSpecBytes));
  TRY(Pipe input, make_pipe());
  TRY(Pipe output, make_pipe());
  TRY(Pipe errors, make_pipe());
  TRY_VOID(write_all(input.writer.get(), command.spec_json));
  input.writer.reset();
  own_user_ = command.own_user;
  oom_kills_at_start_ = count_oom_kills().value_or(0);
  TRY(pid_,
      start_process(
          {.argv = {command.program},
           .env = command.env,
           .fds = {{input.reader.get(), 0}, {output.writer.get(), 1}, {errors.writer.get(), 2}},
           .dies_with_parent = true,
           .no_new_privileges = true}));
  children_.watch(pid_, [this](ExitStatus status) { ended(status); });
  stdout_reader_ =
      std::make_unique<LineReader>(loop_, std::move(output.reader), kMaxPrepareLineBytes,
                                   [this](std::string_view line) { take_line(line); });
  stderr_reader_ =
      std::make_unique<LineReader>(loop_, std::move(errors.reader), kMaxOutputLineBytes,
                                   [this](std::string_view line) { take_stderr(line); });
  TRY_VOID(stdout_reader_->start());
  return stderr_reader_->start();
}

void PrepareProcess::stop() {
  is_over_ = true;
  if (pid_ <= 0) return;
  signal_group(pid_, SIGTERM);
  kill_timer_ = loop_.after(kPrepareTermGrace, [this] { signal_group(pid_, SIGKILL); });
}

void PrepareProcess::take_stderr(std::string_view line) {
  log_.info(line, {{"stream", "prepare"}});
  stderr_.emplace_back(line);
  if (stderr_.size() > kEvidenceLines) stderr_.pop_front();
}

void PrepareProcess::take_line(std::string_view text) try {
  const auto line = nlohmann::json::parse(text);
  // Also after the answer: the store is tidied up while the agent starts.
  if (line.contains("event")) return log_event(log_, line);
  if (is_over_) return;
  if (line.contains("phase")) {
    owner_.preparation_entered(prepare_phase(line.at("phase").get<std::string>()));
  } else if (line.at("ok").get<bool>()) {
    auto prepared = prepared_from_json(line);
    if (!prepared)
      return finish(model::make_failure(model::Cause::Internal, prepared.error().message));
    is_over_ = true;
    owner_.package_prepared(std::move(*prepared));
  } else {
    auto failure = model::failure_from_json(line.at("failure"));
    finish(failure ? std::move(*failure)
                   : model::make_failure(model::Cause::Internal, failure.error().message));
  }
} catch (const nlohmann::json::exception& wrong) {
  finish(model::make_failure(
      model::Cause::Internal,
      fmt::format("par-prepare wrote a line that is not its protocol: {}", wrong.what()),
      evidence()));
}

void PrepareProcess::ended(ExitStatus status) {
  // Its children (pip, a compiler) have no business outliving it, nor has what left its group.
  signal_group(pid_, SIGKILL);
  if (own_user_) kill_left_overs(*own_user_ + static_cast<uid_t>(kInstallerUserOffset));
  pid_ = 0;
  kill_timer_.cancel();
  stderr_reader_->read_rest();
  stdout_reader_->read_rest();
  if (is_over_) return;
  if (status.signal == SIGKILL && count_oom_kills().value_or(0) > oom_kills_at_start_)
    return finish(model::make_failure(model::Cause::OutOfMemory,
                                      "preparing the package took more memory than there is",
                                      evidence()));
  finish(model::make_failure(
      model::Cause::Internal,
      status.signal != 0
          ? fmt::format("par-prepare was ended by signal {} ({}) before it answered", status.signal,
                        signal_name(status.signal))
          : fmt::format("par-prepare exited with code {} before it answered", status.code),
      evidence()));
}

void PrepareProcess::finish(model::Failure failure) {
  if (is_over_) return;
  is_over_ = true;
  owner_.preparation_failed(std::move(failure));
}

}  // namespace pixell::par
