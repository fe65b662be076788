#include "cmd/pac/commands/doctor_checks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

namespace pixell::cmd {
namespace {

using ::testing::HasSubstr;

// A machine and a Pixell that nothing is wrong with.
DoctorFacts healthy() {
  return {.now = 1'764'165'600'000,
          .is_root = true,
          .open_files_soft = 65'536,
          .open_files_hard = 65'536,
          .processes = 32'768,
          .cgroup_version = 2,
          .has_docker = true,
          .ports = {{.port = 4000, .is_free = true}, {.port = 3000, .is_ours = true}},
          .state = {.path = "/var/lib/pixell",
                    .exists = true,
                    .is_writable = true,
                    .file_system = "ext4",
                    .free_bytes = 100ULL << 30,
                    .free_inodes = 1'000'000},
          .kernel = {.has_seccomp = true, .landlock_abi = 4, .has_user_namespaces = true},
          .python = {.path = "/usr/bin/python3.11",
                     .version = "3.11.2",
                     .has_venv = true,
                     .has_pip = true},
          .par = "/usr/bin/par",
          .pixell = {.url = "http://127.0.0.1:4000",
                     .is_reachable = true,
                     .is_healthy = true,
                     .version = PIXELL_VERSION,
                     .clock_ahead_ms = 3}};
}

TEST(Doctor, HasNothingAgainstAHealthyMachine) {
  for (const Check& check : judge(healthy())) {
    EXPECT_EQ(check.verdict, Verdict::Ok) << check.name << ": " << check.finding;
    EXPECT_EQ(check.remedy, "") << check.name;
  }
}

struct Illness {
  const char* name;
  std::function<void(DoctorFacts&)> strike;
  const char* check;
  Verdict verdict;
  const char* told;
};

class DoctorFinds : public ::testing::TestWithParam<Illness> {};

TEST_P(DoctorFinds, WhatIsWrongAndNothingElse) {
  DoctorFacts facts = healthy();
  GetParam().strike(facts);

  int others = 0;
  for (const Check& check : judge(facts)) {
    if (check.name != GetParam().check) {
      others += check.verdict != Verdict::Ok;
      continue;
    }
    EXPECT_EQ(check.verdict, GetParam().verdict) << check.finding;
    EXPECT_THAT(check.finding, HasSubstr(GetParam().told));
    EXPECT_NE(check.remedy, "");
  }
  EXPECT_EQ(others, 0);
}

INSTANTIATE_TEST_SUITE_P(
    Illnesses, DoctorFinds,
    ::testing::Values(
        Illness{"FewFiles", [](auto& f) { f.open_files_soft = 100; }, "open files", Verdict::Fail,
                "100"},
        Illness{"ScarceFiles", [](auto& f) { f.open_files_soft = 1024; }, "open files",
                Verdict::Warn, "1024 (at most 65536)"},
        Illness{"FewProcesses", [](auto& f) { f.processes = 10; }, "processes", Verdict::Fail,
                "10"},
        Illness{"NotRoot", [](auto& f) { f.is_root = false; }, "user", Verdict::Warn, "not root"},
        Illness{"NoGroups", [](auto& f) { f.cgroup_version = 0; }, "control groups", Verdict::Warn,
                "none"},
        Illness{"ReadOnlyGroups", [](auto& f) { f.cgroup_notes = {"memory is not limited"}; },
                "control groups", Verdict::Warn, "version 2; memory is not limited"},
        Illness{"OldKernel", [](auto& f) { f.kernel = {.has_seccomp = true}; }, "kernel",
                Verdict::Warn, "without Landlock, user namespaces"},
        Illness{"NoDocker", [](auto& f) { f.has_docker = false; }, "docker", Verdict::Warn,
                "no engine"},
        Illness{"ClockOf1970", [](auto& f) { f.now = 1'000; }, "clock", Verdict::Fail, "1970"},
        Illness{"ClockOff", [](auto& f) { f.pixell.clock_ahead_ms = 60'000; }, "clock",
                Verdict::Warn, "1 m 0 s behind Pixell's"},
        Illness{"MainPortTaken", [](auto& f) { f.ports[0].is_free = false; }, "port 4000",
                Verdict::Fail, "another program"},
        Illness{"OtherPortTaken", [](auto& f) { f.ports[1].is_ours = false; }, "port 3000",
                Verdict::Warn, "another program"},
        Illness{"LongPath", [](auto& f) { f.state.path = "/" + std::string(80, 'x'); },
                "state directory", Verdict::Fail, "81 bytes"},
        Illness{"ReadOnlyState", [](auto& f) { f.state.is_writable = false; }, "state directory",
                Verdict::Fail, "may not write"},
        Illness{"MemoryDisk", [](auto& f) { f.state.file_system = "tmpfs"; }, "file system",
                Verdict::Warn, "restart of the machine"},
        Illness{"NetworkDisk", [](auto& f) { f.state.file_system = "nfs"; }, "file system",
                Verdict::Warn, "locks"},
        Illness{"FullDisk", [](auto& f) { f.state.free_bytes = 1'024; }, "disk space",
                Verdict::Fail, "1.0 KiB free"},
        Illness{"FewInodes", [](auto& f) { f.state.free_inodes = 20'000; }, "inodes", Verdict::Warn,
                "20000"},
        Illness{"NoPar",
                [](auto& f) {
                  f.par.clear();
                  f.par_problem = "par is not there";
                },
                "par", Verdict::Fail, "par is not there"},
        Illness{"NoPython", [](auto& f) { f.python = {.problem = "no Python was found"}; },
                "python", Verdict::Fail, "no Python was found"},
        Illness{"NoInstaller", [](auto& f) { f.python.has_venv = false; }, "installer",
                Verdict::Warn, "no uv; no venv"},
        Illness{"IllPixell",
                [](auto& f) {
                  f.pixell.is_healthy = false;
                  f.pixell.problem = "the store does not answer";
                },
                "pixell", Verdict::Fail, "the store does not answer"},
        Illness{"RoleAway", [](auto& f) { f.pixell.roles_away = {"edge", "node"}; }, "pixell",
                Verdict::Fail, "away: edge, node"},
        Illness{"OtherVersion", [](auto& f) { f.pixell.version = "0.0.1"; }, "pixell",
                Verdict::Warn, "0.0.1"},
        Illness{"DegradedEngine", [](auto& f) { f.pixell.notes = {"memory is not limited"}; },
                "engine", Verdict::Warn, "memory is not limited"}),
    [](const auto& row) { return row.param.name; });

TEST(Doctor, IsContentWithoutAPixell) {
  DoctorFacts facts = healthy();
  facts.pixell = {.url = "http://127.0.0.1:4000"};

  const Check check = judge(facts).back();

  EXPECT_EQ(check.verdict, Verdict::Ok);
  EXPECT_EQ(check.finding, "none runs at http://127.0.0.1:4000");
  EXPECT_EQ(to_json(check), nlohmann::json({{"name", "pixell"},
                                            {"verdict", "ok"},
                                            {"finding", "none runs at http://127.0.0.1:4000"}}));
}

TEST(Doctor, AsksNoInodesOfAFileSystemWithoutThem) {
  DoctorFacts facts = healthy();
  facts.state.free_inodes.reset();

  for (const Check& check : judge(facts)) EXPECT_NE(check.name, "inodes");
}

}  // namespace
}  // namespace pixell::cmd
