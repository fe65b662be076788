#include "cmd/pac/commands/doctor_facts.hpp"

#include <linux/magic.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "base/files.hpp"
#include "base/process.hpp"
#include "cmd/pac/find_program.hpp"
#include "cmd/pac/limits.hpp"
#include "engine/local/node/cgroup.hpp"
#include "engine/local/node/node.hpp"
#include "net/client/http_fetch.hpp"
#include "net/sockets.hpp"
#include "par/prepare/interpreter.hpp"
#include "par/prepare/program.hpp"

namespace pixell::cmd {

namespace {

namespace fs = std::filesystem;
using Environment = std::map<std::string, std::string>;

constexpr std::array<std::uint16_t, 2> kPorts = {4000, 3000};
constexpr const char* kDockerSocket = "/var/run/docker.sock";

struct KnownFileSystem {
  std::uint64_t magic;
  const char* name;
};
// Those that matter; linux/magic.h has no CIFS.
constexpr std::array kFileSystems = {
    KnownFileSystem{EXT4_SUPER_MAGIC, "ext4"}, KnownFileSystem{BTRFS_SUPER_MAGIC, "btrfs"},
    KnownFileSystem{XFS_SUPER_MAGIC, "xfs"},   KnownFileSystem{OVERLAYFS_SUPER_MAGIC, "overlay"},
    KnownFileSystem{TMPFS_MAGIC, "tmpfs"},     KnownFileSystem{RAMFS_MAGIC, "ramfs"},
    KnownFileSystem{NFS_SUPER_MAGIC, "nfs"},   KnownFileSystem{0xff534d42, "cifs"},
    KnownFileSystem{0xfe534d42, "cifs"},       KnownFileSystem{FUSE_SUPER_MAGIC, "fuse"},
    KnownFileSystem{V9FS_MAGIC, "9p"}};

std::uint64_t as_limit(rlim_t value) { return value == RLIM_INFINITY ? UINT64_MAX : value; }

void look_at_limits(DoctorFacts& facts) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    facts.open_files_soft = as_limit(limit.rlim_cur);
    facts.open_files_hard = as_limit(limit.rlim_max);
  }
  if (::getrlimit(RLIMIT_NPROC, &limit) == 0) facts.processes = as_limit(limit.rlim_cur);
}

void look_at_control_groups(DoctorFacts& facts) {
  std::error_code failed;
  if (fs::exists("/sys/fs/cgroup/cgroup.controllers", failed))
    facts.cgroup_version = 2;
  else if (fs::exists("/sys/fs/cgroup/memory", failed) || fs::exists("/sys/fs/cgroup/pids", failed))
    facts.cgroup_version = 1;
  const auto groups = engine::node::Cgroups::detect("doctor");
  facts.cgroup_notes = groups.notes();
  groups.remove_if_empty();
}

bool is_docker_there(const Environment& env) {
  std::string socket = kDockerSocket;
  if (const auto host = env.find("DOCKER_HOST");
      host != env.end() && host->second.starts_with("unix://"))
    socket = host->second.substr(std::string_view("unix://").size());
  const auto reply = net::fetch({.url = "http://docker/_ping",
                                 .unix_socket = socket,
                                 .timeout = kDoctorTimeout,
                                 .connect_timeout = kDoctorTimeout});
  return reply && reply->status == 200;
}

PortFact look_at_port(std::uint16_t port, const Clock& clock) {
  PortFact fact{.port = port};
  if (const auto listener = net::listen_tcp("127.0.0.1", port)) {
    fact.is_free = true;
    return fact;
  }
  const ApiClient there("http://127.0.0.1:" + std::to_string(port));
  fact.is_ours = gather_pixell_facts(there, clock).is_reachable;
  return fact;
}

StateFact look_at_state(const fs::path& wanted) {
  StateFact state{.path = wanted};
  std::error_code failed;
  state.exists = fs::exists(wanted, failed);
  fs::path there = wanted;
  while (!fs::exists(there, failed) && there.has_parent_path() && there != there.parent_path())
    there = there.parent_path();
  state.is_writable = ::access(there.c_str(), W_OK | X_OK) == 0;
  struct statfs kind {};
  if (::statfs(there.c_str(), &kind) == 0)
    for (const KnownFileSystem& known : kFileSystems)
      if (known.magic == static_cast<std::uint64_t>(kind.f_type)) state.file_system = known.name;
  struct statvfs space {};
  if (::statvfs(there.c_str(), &space) == 0) {
    state.free_bytes = std::uint64_t{space.f_bavail} * space.f_frsize;
    if (space.f_files > 0) state.free_inodes = space.f_favail;
  }
  return state;
}

bool has_user_namespaces() {
  const auto most = read_file("/proc/sys/user/max_user_namespaces");
  if (!most || std::atol(most->c_str()) <= 0) return false;
  // Debian's switch; absent elsewhere. Root may make them whatever it says.
  const auto allowed = read_file("/proc/sys/kernel/unprivileged_userns_clone");
  return ::geteuid() == 0 || !allowed || std::atol(allowed->c_str()) != 0;
}

KernelFacts look_at_kernel() {
  constexpr unsigned kAskForVersion = 1;  // LANDLOCK_CREATE_RULESET_VERSION
  const long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, kAskForVersion);
  return {.has_seccomp = ::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0,
          .landlock_abi = abi > 0 ? static_cast<int>(abi) : 0,
          .has_user_namespaces = has_user_namespaces()};
}

bool can_import(const std::string& python, const std::string& module, const Environment& env) {
  const auto end = prepare::run_program(
      {.argv = {python, "-I", "-c", "import " + module}, .env = env, .timeout = kDoctorTimeout});
  return end && end->is_success();
}

PythonFact look_at_python(const Environment& env) {
  PythonFact fact;
  const auto found = prepare::find_interpreter({}, "python>=3.9", -1, env);
  if (!found) {
    fact.problem = found.error().message;
    return fact;
  }
  fact.path = found->path;
  fact.version = found->version;
  fact.has_venv = can_import(found->path, "venv, ensurepip", env);
  fact.has_pip = can_import(found->path, "pip", env);
  const auto given = env.find("PIXELL_UV");
  fact.uv = given != env.end() ? given->second : find_program("uv", env).value_or("");
  return fact;
}

}  // namespace

DoctorFacts gather_doctor_facts(const ApiClient& api, const fs::path& state_dir,
                                const Clock& clock) {
  const Environment env = own_environment();
  DoctorFacts facts;
  facts.now = clock.unix_now();
  facts.is_root = ::geteuid() == 0;
  look_at_limits(facts);
  look_at_control_groups(facts);
  facts.has_docker = is_docker_there(env);
  for (const std::uint16_t port : kPorts) facts.ports.push_back(look_at_port(port, clock));
  facts.state = look_at_state(state_dir);
  facts.kernel = look_at_kernel();
  facts.python = look_at_python(env);
  const auto par = engine::node::find_par_program(env);
  if (par)
    facts.par = par->string();
  else
    facts.par_problem = par.error().message;
  facts.pixell = gather_pixell_facts(api, clock);
  return facts;
}

}  // namespace pixell::cmd
