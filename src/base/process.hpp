#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace pixell {

/// A limit of setrlimit(2), as soft and hard value. It only ever lowers what is in force.
struct ProcessLimit {
  int resource = 0;  ///< RLIMIT_…
  std::uint64_t value = 0;
};

/// How to start a program. Nothing is inherited that is not named here.
struct ProcessSpec {
  std::vector<std::string> argv{};           ///< argv[0] is the path of the program
  std::map<std::string, std::string> env{};  ///< the whole environment of the child
  std::string directory{};                   ///< working directory; empty = ours
  std::vector<std::pair<int, int>> fds{};    ///< (our descriptor, its number in the child)
  bool own_group = true;                     ///< setpgid(0, 0): signals reach the whole group
  bool dies_with_parent = false;             ///< SIGKILL when the thread that started it ends
  bool no_new_privileges = false;
  std::optional<uid_t> user{};  ///< setgid and setuid to this id, no other groups
  /// Writable descriptors of cgroup.procs files: the child joins these groups before it runs, so
  /// that nothing it starts is ever outside.
  std::vector<int> cgroup_procs{};
  /// In force from before the program runs. With RLIMIT_FSIZE among them, SIGXFSZ is ignored: a
  /// write beyond it fails with EFBIG instead of ending the program.
  std::vector<ProcessLimit> limits{};
  std::optional<unsigned> umask{};
  /// How much rather than others the kernel ends it when memory runs out: 0 (as ours) to 1000.
  std::optional<int> oom_score_adj{};
  /// Empties the bounding set and the ambient set, so that not even root's programs regain them;
  /// of a program that stays root only CAP_DAC_OVERRIDE is left. No effect without root.
  bool drop_capabilities = false;
};

/// This process's own environment.
std::map<std::string, std::string> own_environment();

/// Starts the program. Descriptors 0, 1 and 2 not in `fds` are /dev/null. The error names the
/// program and the failing step (chdir, setuid, exec …); nothing is left running then.
Result<pid_t> start_process(const ProcessSpec& spec);

/// Identifies a process beyond its pid, which may be reused.
struct ProcessIdentity {
  pid_t pid = 0;
  std::uint64_t start_time = 0;  ///< clock ticks since boot, field 22 of /proc/<pid>/stat
  std::string boot_id;           ///< /proc/sys/kernel/random/boot_id
  bool operator==(const ProcessIdentity&) const = default;
};

/// The identity of a running process (zombies included); NotFound when there is none.
Result<ProcessIdentity> identify_process(pid_t pid);

/// True when the very process that was identified is still there and not a zombie.
bool is_running(const ProcessIdentity& identity);

/// A pidfd of the identified process (readable when it ends); NotFound when it has gone.
Result<UniqueFd> open_pidfd(const ProcessIdentity& identity);

/// How a process ended.
struct ExitStatus {
  int code = 0;    ///< exit code, when `signal` is 0
  int signal = 0;  ///< the signal that ended it, or 0
};

/// Turns a wait(2) status into an ExitStatus.
ExitStatus exit_status_of(int wait_status);

}  // namespace pixell
