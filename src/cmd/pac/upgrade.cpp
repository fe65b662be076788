#include "cmd/pac/upgrade.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/files.hpp"
#include "base/process.hpp"

extern char** environ;  // NOLINT: POSIX names it so

namespace pixell::cmd {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// The descriptors of lock and sockets, a comma list.
constexpr const char* kHandoverVariable = "PIXELL_SERVE_HANDOVER";
constexpr const char* kStates[] = {"running", "done", "failed"};

fs::path request_file(const fs::path& run_dir) { return run_dir / "upgrade_request.json"; }
fs::path report_file(const fs::path& run_dir) { return run_dir / "upgrade.json"; }

Result<json> read_json(const fs::path& file) {
  TRY(const std::string text, read_file(file));
  json content = json::parse(text, nullptr, false);
  if (content.is_object()) return content;
  return make_error(ErrorCode::DataLoss, fmt::format("{} is not a JSON object", file.string()));
}

Error malformed(const fs::path& file) {
  return make_error(ErrorCode::DataLoss, fmt::format("{} has wrong members", file.string()));
}

std::vector<std::string> own_arguments() {
  std::vector<std::string> arguments;
  const auto text = read_file("/proc/self/cmdline");
  for (std::size_t at = 0; text && at < text->size();) {
    const std::size_t end = std::min(text->find('\0', at), text->size());
    arguments.push_back(text->substr(at, end - at));
    at = end + 1;
  }
  return arguments;
}

Result<void> keep_open(const ServeClaim& claim, bool is_inherited) {
  TRY_VOID(set_inherited(claim.lock.get(), is_inherited));
  for (const int socket : claim.listeners.all()) TRY_VOID(set_inherited(socket, is_inherited));
  return {};
}

}  // namespace

Result<void> write_upgrade_request(const fs::path& run_dir, const UpgradeRequest& request) {
  const json content{{"id", request.id},
                     {"program", request.program.string()},
                     {"drain_ms", request.drain.count()}};
  return write_file_atomically(request_file(run_dir), content.dump());
}

Result<UpgradeRequest> read_upgrade_request(const fs::path& run_dir) {
  TRY(const json content, read_json(request_file(run_dir)));
  const auto id = content.find("id");
  const auto program = content.find("program");
  const auto drain = content.find("drain_ms");
  if (id == content.end() || !id->is_string() || program == content.end() ||
      !program->is_string() || drain == content.end() || !drain->is_number_integer())
    return malformed(request_file(run_dir));
  return UpgradeRequest{
      .id = id->get<std::string>(),
      .program = program->get<std::string>(),
      .drain = std::clamp(Millis(drain->get<std::int64_t>()), Millis(0), kMaxUpgradeDrain)};
}

Result<void> write_upgrade_report(const fs::path& run_dir, const UpgradeReport& report) {
  const json content{{"id", report.id},
                     {"state", kStates[static_cast<int>(report.state)]},
                     {"error", report.error}};
  return write_file_atomically(report_file(run_dir), content.dump(), 0600,
                               Durability::ProcessCrash);
}

Result<UpgradeReport> read_upgrade_report(const fs::path& run_dir) {
  TRY(const json content, read_json(report_file(run_dir)));
  const auto id = content.find("id");
  const auto state = content.find("state");
  const auto error = content.find("error");
  if (id == content.end() || !id->is_string() || state == content.end() || !state->is_string() ||
      error == content.end() || !error->is_string())
    return malformed(report_file(run_dir));
  for (int i = 0; i < 3; ++i)
    if (*state == kStates[i])
      return UpgradeReport{.id = id->get<std::string>(),
                           .state = static_cast<UpgradeReport::State>(i),
                           .error = error->get<std::string>()};
  return malformed(report_file(run_dir));
}

fs::path own_program() {
  std::error_code failed;  // without /proc nothing of Pixell runs
  std::string path = fs::read_symlink("/proc/self/exe", failed).string();
  // What the kernel says of a program whose file was replaced; the new one has the path.
  constexpr std::string_view kReplaced = " (deleted)";
  if (path.ends_with(kReplaced)) path.resize(path.size() - kReplaced.size());
  return path;
}

ServeHandover take_serve_handover() {
  ServeHandover handover;
  const char* value = std::getenv(kHandoverVariable);
  if (value == nullptr) return handover;
  const std::string text(value);
  ::unsetenv(kHandoverVariable);
  const char* at = text.data();
  const char* end = text.data() + text.size();
  for (bool is_lock = true; at < end; is_lock = false) {
    int fd = -1;
    const auto [next, error] = std::from_chars(at, end, fd);
    if (error != std::errc() || fd <= 2 || !set_inherited(fd, false)) return {};
    if (is_lock)
      handover.lock.reset(fd);
    else
      handover.sockets.emplace_back(fd);
    at = next + 1;
  }
  return handover;
}

// A program that cannot even say who it is must not replace one that works.
Result<void> check_program(const fs::path& program) {
  const auto refused = [&](const std::string& why) {
    return make_error(ErrorCode::FailedPrecondition,
                      fmt::format("{} is not used: {}; `{} --version` says more", program.string(),
                                  why, program.string()));
  };
  const auto pid = start_process({.argv = {program.string(), "--version"},
                                  .env = own_environment(),
                                  .dies_with_parent = true});
  if (!pid) return refused(pid.error().message);
  const Instant deadline = system_clock().now() + kProgramCheckTimeout;
  int status = 0;
  while (::waitpid(*pid, &status, WNOHANG) != *pid) {
    if (system_clock().now() > deadline) {
      ::kill(*pid, SIGKILL);
      ::waitpid(*pid, &status, 0);
      return refused(
          fmt::format("it did not tell its version within {} ms", kProgramCheckTimeout.count()));
    }
    ::poll(nullptr, 0, static_cast<int>(kCommandPoll.count()));
  }
  const ExitStatus ended = exit_status_of(status);
  if (ended.code == 0 && ended.signal == 0) return {};
  return refused(fmt::format("it ended with code {} and signal {}", ended.code, ended.signal));
}

Error become_program(const fs::path& program, const ServeClaim& claim) {
  std::string descriptors = std::to_string(claim.lock.get());
  for (const int socket : claim.listeners.all()) descriptors += fmt::format(",{}", socket);
  std::vector<std::string> arguments = own_arguments();
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  Error failure;
  if (const auto kept = keep_open(claim, true); !kept) {
    failure = kept.error();
  } else {
    ::setenv(kHandoverVariable, descriptors.c_str(), 1);
    ::execve(program.c_str(), argv.data(), environ);
    failure = errno_error(fmt::format("cannot become {}", program.string()), errno);
    ::unsetenv(kHandoverVariable);
  }
  (void)keep_open(claim, false);  // what stays inherited is not passed on: children name theirs
  return failure;
}

}  // namespace pixell::cmd
