#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"

// What `pac doctor` makes of a machine. Pure: doctor_facts.hpp gathers the facts.

namespace pixell::cmd {

/// A TCP port of 127.0.0.1.
struct PortFact {
  std::uint16_t port = 0;
  bool is_free = false;
  bool is_ours = false;  ///< a Pixell answers there
};

/// Where the state directory is, or would be.
struct StateFact {
  std::filesystem::path path;  ///< absolute
  bool exists = false;
  bool is_writable = false;  ///< it, or the nearest directory above that is there
  std::string file_system;   ///< "ext4", "tmpfs", "nfs", …; "" = not known
  std::uint64_t free_bytes = 0;
  std::optional<std::uint64_t> free_inodes;  ///< unset where the file system has no fixed number
};

struct KernelFacts {
  bool has_seccomp = false;
  int landlock_abi = 0;  ///< 0 = none
  bool has_user_namespaces = false;
};

struct PythonFact {
  std::string path;     ///< empty = none was found
  std::string version;  ///< "3.11.2"
  std::string problem;  ///< why none was found
  bool has_venv = false;
  bool has_pip = false;
  std::string uv;  ///< path, or empty
};

/// The Pixell that runs at --url.
struct PixellFacts {
  std::string url;
  bool is_reachable = false;
  std::string problem;  ///< why it is not, or not healthy
  bool is_healthy = false;
  std::string version;
  std::vector<std::string> roles_away;
  std::vector<std::string> notes;              ///< what its engine says is degraded
  std::optional<std::int64_t> clock_ahead_ms;  ///< its clock against ours
};

struct DoctorFacts {
  UnixMillis now = 0;
  bool is_root = false;
  std::uint64_t open_files_soft = 0;
  std::uint64_t open_files_hard = 0;
  std::uint64_t processes = 0;
  int cgroup_version = 0;                 ///< 0 = none
  std::vector<std::string> cgroup_notes;  ///< what cannot be limited, and why
  bool has_docker = false;
  std::vector<PortFact> ports;
  StateFact state;
  KernelFacts kernel;
  PythonFact python;
  std::string par;          ///< path of the program, or empty
  std::string par_problem;  ///< why it was not found
  PixellFacts pixell;
};

enum class Verdict { Ok, Warn, Fail };
std::string_view to_string(Verdict verdict);

struct Check {
  std::string name;
  Verdict verdict = Verdict::Ok;
  std::string finding;
  std::string remedy{};  ///< what to do; empty when it is ok
};

/// All checks, in the order they are shown.
std::vector<Check> judge(const DoctorFacts& facts);

/// {"name", "verdict", "finding", "remedy"?}
nlohmann::json to_json(const Check& check);

}  // namespace pixell::cmd
