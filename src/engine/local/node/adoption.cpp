#include "engine/local/node/adoption.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/files.hpp"

namespace pixell::engine::node {

namespace fs = std::filesystem;

namespace {

constexpr int kParListener = 3;  // REST_LISTEN=fd:3

bool has_variable(const std::string& environment, const std::string& variable) {
  std::size_t at = 0;
  while (at < environment.size()) {
    std::size_t end = environment.find('\0', at);
    if (end == std::string::npos) end = environment.size();
    if (environment.compare(at, end - at, variable) == 0) return true;
    at = end + 1;
  }
  return false;
}

}  // namespace

Result<std::optional<FoundProcess>> find_recorded(const ProcessIdentity& identity) {
  if (!is_running(identity)) return std::optional<FoundProcess>();
  auto pidfd = open_pidfd(identity);
  if (!pidfd && pidfd.error().code == ErrorCode::NotFound) return std::optional<FoundProcess>();
  if (!pidfd) return pidfd.error();
  return std::optional(FoundProcess{.identity = identity, .pidfd = std::move(*pidfd)});
}

std::optional<FoundProcess> find_unrecorded(const fs::path& instance_dir,
                                            const fs::path& par_program) {
  std::error_code failed;
  const fs::path program = fs::canonical(par_program, failed);
  if (failed) return {};
  const std::string variable = "INSTANCE_DIR=" + instance_dir.string();
  std::optional<ProcessIdentity> oldest;
  for (const auto& entry : fs::directory_iterator("/proc", failed)) {
    const std::string name = entry.path().filename().string();
    pid_t pid = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (parsed.ec != std::errc() || parsed.ptr != name.data() + name.size()) continue;
    // Processes come and go, and others' may not be looked at: both are simply not ours.
    std::error_code unreadable;
    if (fs::read_symlink(entry.path() / "exe", unreadable) != program || unreadable) continue;
    const auto environment = read_file(entry.path() / "environ");
    if (!environment || !has_variable(*environment, variable)) continue;
    const auto identity = identify_process(pid);
    if (!identity || !is_running(*identity)) continue;
    if (!oldest || identity->start_time < oldest->start_time ||
        (identity->start_time == oldest->start_time && identity->pid < oldest->pid))
      oldest = *identity;
  }
  if (!oldest) return {};
  auto found = find_recorded(*oldest);
  return found ? std::move(*found) : std::nullopt;
}

Result<UniqueFd> recover_listener(int pidfd, const fs::path& path) {
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd, kParListener, 0)));
  if (!fd) return errno_error("cannot take the listening socket back from par", errno);
  TRY_VOID(set_inherited(fd.get(), false));
  int is_listening = 0;
  socklen_t size = sizeof is_listening;
  sockaddr_un address{};
  socklen_t address_size = sizeof address;
  const bool is_ours =
      ::getsockopt(fd.get(), SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &size) == 0 &&
      is_listening != 0 &&
      ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &address_size) == 0 &&
      address.sun_family == AF_UNIX && path == std::string(address.sun_path);
  if (!is_ours)
    return make_error(ErrorCode::FailedPrecondition,
                      fmt::format("descriptor 3 of par is not {}", path.string()));
  return fd;
}

}  // namespace pixell::engine::node
