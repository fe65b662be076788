#include "cmd/pac/commands/doctor_checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "cmd/pac/arguments.hpp"
#include "engine/local/node/limits.hpp"

namespace pixell::cmd {

namespace {

constexpr std::uint64_t kFewOpenFiles = 256;
constexpr std::uint64_t kEnoughOpenFiles = 4'096;
constexpr std::uint64_t kFewProcesses = 256;
constexpr std::uint64_t kEnoughProcesses = 4'096;
constexpr std::uint64_t kFewBytes = 200ULL * 1024 * 1024;
constexpr std::uint64_t kEnoughBytes = 2ULL * 1024 * 1024 * 1024;
constexpr std::uint64_t kFewInodes = 1'000;
constexpr std::uint64_t kEnoughInodes = 50'000;
// Certificates and tokens of about now are wrong on a clock outside.
constexpr UnixMillis kFirstSaneTime = 1'735'689'600'000;  // 2025
constexpr UnixMillis kLastSaneTime = 4'102'444'800'000;   // 2100
constexpr std::int64_t kMaxClockAheadMs = 5'000;
constexpr std::uint16_t kMainPort = 4000;

using Checks = std::vector<Check>;

// Fail below `few`, warn below `enough`.
Verdict by_amount(std::uint64_t amount, std::uint64_t few, std::uint64_t enough) {
  if (amount < few) return Verdict::Fail;
  return amount < enough ? Verdict::Warn : Verdict::Ok;
}

std::string limit_text(std::uint64_t limit) {
  return limit == UINT64_MAX ? "unlimited" : std::to_string(limit);
}

void add(Checks& checks, Check check) {
  if (check.verdict == Verdict::Ok) check.remedy.clear();
  checks.push_back(std::move(check));
}

void judge_limits(const DoctorFacts& facts, Checks& checks) {
  add(checks, {.name = "open files",
               .verdict = by_amount(facts.open_files_soft, kFewOpenFiles, kEnoughOpenFiles),
               .finding = fmt::format("{} (at most {})", limit_text(facts.open_files_soft),
                                      limit_text(facts.open_files_hard)),
               .remedy = "raise it: ulimit -n 65536, or LimitNOFILE=65536 of the systemd unit"});
  add(checks, {.name = "processes",
               .verdict = by_amount(facts.processes, kFewProcesses, kEnoughProcesses),
               .finding = limit_text(facts.processes),
               .remedy = "raise it: ulimit -u 32768, or TasksMax= and LimitNPROC= of the systemd "
                         "unit"});
}

void judge_isolation(const DoctorFacts& facts, Checks& checks) {
  add(checks, {.name = "user",
               .verdict = facts.is_root ? Verdict::Ok : Verdict::Warn,
               .finding = facts.is_root ? "root: each agent gets a user of its own"
                                        : "not root: agents run as this user and can read each "
                                          "other's files",
               .remedy = "run `pac serve` as root where agents must not trust each other"});
  const bool has_groups = facts.cgroup_version > 0 && facts.cgroup_notes.empty();
  std::string groups = facts.cgroup_version == 0 ? std::string("none")
                                                 : fmt::format("version {}", facts.cgroup_version);
  for (const std::string& note : facts.cgroup_notes) groups += "; " + note;
  if (has_groups) groups += ", writable";
  add(checks,
      {.name = "control groups",
       .verdict = has_groups ? Verdict::Ok : Verdict::Warn,
       .finding = std::move(groups),
       .remedy = "run as root with /sys/fs/cgroup writable (systemd: Delegate=yes); without "
                 "it memory, CPU and processes of agents are not limited"});
  const KernelFacts& kernel = facts.kernel;
  std::vector<std::string> missing;
  if (!kernel.has_seccomp) missing.emplace_back("seccomp");
  if (kernel.landlock_abi == 0) missing.emplace_back("Landlock");
  if (!kernel.has_user_namespaces) missing.emplace_back("user namespaces");
  add(checks,
      {.name = "kernel",
       .verdict = missing.empty() ? Verdict::Ok : Verdict::Warn,
       .finding = missing.empty() ? fmt::format("seccomp, Landlock (ABI {}), user namespaces",
                                                kernel.landlock_abi)
                                  : fmt::format("without {}", fmt::join(missing, ", ")),
       .remedy = "isolation is weaker without them: use a newer kernel, or let the container have "
                 "them"});
  add(checks, {.name = "docker",
               .verdict = facts.has_docker ? Verdict::Ok : Verdict::Warn,
               .finding = facts.has_docker ? "the engine answers" : "no engine answers",
               .remedy = "only the docker engine needs it: start Docker, or name its socket by "
                         "DOCKER_HOST=unix:///…"});
}

void judge_clock(const DoctorFacts& facts, Checks& checks) {
  const bool is_sane = facts.now >= kFirstSaneTime && facts.now < kLastSaneTime;
  const auto& ahead = facts.pixell.clock_ahead_ms;
  const bool is_off = ahead && std::abs(*ahead) > kMaxClockAheadMs;
  std::string finding = iso8601(facts.now);
  if (ahead && is_off)
    finding += fmt::format(", {} {} Pixell's", show_duration(std::abs(*ahead)),
                           *ahead > 0 ? "behind" : "ahead of");
  add(checks, {.name = "clock",
               .verdict = !is_sane ? Verdict::Fail
                          : is_off ? Verdict::Warn
                                   : Verdict::Ok,
               .finding = std::move(finding),
               .remedy = "set the clock (timedatectl set-ntp true): TLS and signatures need it"});
}

void judge_ports(const DoctorFacts& facts, Checks& checks) {
  for (const PortFact& port : facts.ports) {
    const bool is_main = port.port == kMainPort;
    const bool is_fine = port.is_free || port.is_ours;
    add(checks, {.name = fmt::format("port {}", port.port),
                 .verdict = is_fine   ? Verdict::Ok
                            : is_main ? Verdict::Fail
                                      : Verdict::Warn,
                 .finding = port.is_ours   ? "Pixell's"
                            : port.is_free ? "free"
                                           : "another program listens there",
                 .remedy = is_main ? "stop that program, or give `pac serve --listen` another port"
                                   : "only pixell-sdk --env local needs it: stop that program"});
  }
}

void judge_file_system(const StateFact& state, Checks& checks) {
  const std::string path = state.path.string();
  const bool is_too_long = path.size() > engine::node::kMaxStateDirBytes;
  Check where{.name = "state directory",
              .finding = fmt::format("{}{}", path, state.exists ? "" : " (not there yet)")};
  if (is_too_long) {
    where.verdict = Verdict::Fail;
    where.finding += fmt::format(": {} bytes, at most {} leave room for sockets", path.size(),
                                 engine::node::kMaxStateDirBytes);
    where.remedy = "choose a shorter path with --state";
  } else if (!state.is_writable) {
    where.verdict = Verdict::Fail;
    where.finding += ": this user may not write there";
    where.remedy = "choose another directory with --state, or run as its owner";
  }
  add(checks, std::move(where));
  constexpr std::array<std::string_view, 4> kNetworks = {"nfs", "cifs", "fuse", "9p"};
  const bool is_network = std::ranges::find(kNetworks, state.file_system) != kNetworks.end();
  const bool is_memory = state.file_system == "tmpfs" || state.file_system == "ramfs";
  add(checks,
      {.name = "file system",
       .verdict = is_network || is_memory ? Verdict::Warn : Verdict::Ok,
       .finding = (state.file_system.empty() ? std::string("not known") : state.file_system) +
                  (is_memory    ? ": a restart of the machine loses everything"
                   : is_network ? ": locks and fsync may not hold there"
                                : ""),
       .remedy = "keep the state directory on a local disk"});
}

void judge_space(const StateFact& state, Checks& checks) {
  add(checks, {.name = "disk space",
               .verdict = by_amount(state.free_bytes, kFewBytes, kEnoughBytes),
               .finding = show_bytes(static_cast<std::int64_t>(state.free_bytes)) + " free",
               .remedy = "make room: packages, environments and logs lie in the state directory"});
  if (!state.free_inodes) return;
  add(checks, {.name = "inodes",
               .verdict = by_amount(*state.free_inodes, kFewInodes, kEnoughInodes),
               .finding = fmt::format("{} free", *state.free_inodes),
               .remedy = "make room: environments of agents have tens of thousands of files"});
}

void judge_programs(const DoctorFacts& facts, Checks& checks) {
  add(checks, {.name = "par",
               .verdict = facts.par.empty() ? Verdict::Fail : Verdict::Ok,
               .finding = facts.par.empty() ? facts.par_problem : facts.par,
               .remedy = "install par beside pac, or name it by PIXELL_PAR"});
  const PythonFact& python = facts.python;
  add(checks, {.name = "python",
               .verdict = python.path.empty() ? Verdict::Fail : Verdict::Ok,
               .finding = python.path.empty() ? python.problem
                                              : fmt::format("{} ({})", python.path, python.version),
               .remedy = "install python3 (3.11 or newer), or name one by PAR_PYTHON; agents in "
                         "Python need it"});
  if (python.path.empty()) return;
  const bool can_install = !python.uv.empty() || (python.has_pip && python.has_venv);
  add(checks, {.name = "installer",
               .verdict = can_install ? Verdict::Ok : Verdict::Warn,
               .finding = !python.uv.empty() ? "uv, " + python.uv
                          : can_install      ? "pip and venv of that Python"
                                        : fmt::format("no uv;{}{}", python.has_pip ? "" : " no pip",
                                                      python.has_venv ? "" : " no venv"),
               .remedy = "install uv (fastest), or python3-pip and python3-venv; agents with "
                         "requirements need one"});
}

void judge_pixell(const PixellFacts& pixell, Checks& checks) {
  if (!pixell.is_reachable) {
    add(checks, {.name = "pixell", .finding = fmt::format("none runs at {}", pixell.url)});
    return;
  }
  Check running{.name = "pixell", .finding = fmt::format("{} at {}", pixell.version, pixell.url)};
  if (!pixell.is_healthy) {
    running = {.name = "pixell",
               .verdict = Verdict::Fail,
               .finding = fmt::format("at {}: {}", pixell.url, pixell.problem),
               .remedy = "look at the log of `pac serve`: its control role is not healthy"};
  } else if (!pixell.roles_away.empty()) {
    running.verdict = Verdict::Fail;
    running.finding += fmt::format("; away: {}", fmt::join(pixell.roles_away, ", "));
    running.remedy = "look at the log of `pac serve`: it restarts roles that end, and says why";
  } else if (pixell.version != PIXELL_VERSION) {
    running.verdict = Verdict::Warn;
    running.finding += ", this pac is " PIXELL_VERSION;
    running.remedy = "use the pac of the version that runs, or restart it with this one";
  }
  add(checks, std::move(running));
  for (const std::string& note : pixell.notes)
    add(checks, {.name = "engine",
                 .verdict = Verdict::Warn,
                 .finding = note,
                 .remedy = "see docs/operating.md, Isolation"});
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::Ok:
      return "ok";
    case Verdict::Warn:
      return "warn";
    case Verdict::Fail:
      break;
  }
  return "fail";
}

std::vector<Check> judge(const DoctorFacts& facts) {
  Checks checks;
  judge_limits(facts, checks);
  judge_isolation(facts, checks);
  judge_clock(facts, checks);
  judge_ports(facts, checks);
  judge_file_system(facts.state, checks);
  judge_space(facts.state, checks);
  judge_programs(facts, checks);
  judge_pixell(facts.pixell, checks);
  return checks;
}

nlohmann::json to_json(const Check& check) {
  nlohmann::json json = {
      {"name", check.name}, {"verdict", to_string(check.verdict)}, {"finding", check.finding}};
  if (!check.remedy.empty()) json["remedy"] = check.remedy;
  return json;
}

}  // namespace pixell::cmd
