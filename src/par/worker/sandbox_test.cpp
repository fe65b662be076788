#include "par/worker/sandbox.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "base/unique_fd.hpp"
#include "par/limits.hpp"

namespace pixell::par {
namespace {

using ::testing::HasSubstr;

std::uint64_t limit_of(const ProcessSpec& spec, int resource) {
  const auto found = std::ranges::find(spec.limits, resource, &ProcessLimit::resource);
  return found == spec.limits.end() ? ~std::uint64_t{0} : found->value;
}

// What a shell inside the sandbox prints.
std::string run_confined(const Sandbox& sandbox, const std::string& script) {
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  ProcessSpec spec{.argv = {"/bin/sh", "-c", script},
                   .env = {{"PATH", "/bin:/usr/bin"}},
                   .directory = "/",
                   .fds = {{writer.get(), 1}}};
  confine(sandbox, spec);
  const auto pid = start_process(spec);
  EXPECT_TRUE(pid) << pid.error().message;
  if (!pid) return {};
  writer.reset();
  std::string output;
  char chunk[4096];
  while (const ssize_t got = ::read(reader.get(), chunk, sizeof chunk)) {
    if (got < 0) break;
    output.append(chunk, static_cast<std::size_t>(got));
  }
  EXPECT_EQ(::waitpid(*pid, nullptr, 0), *pid);
  return output;
}

TEST(Sandbox, ConfinesEveryAgent) {
  ProcessSpec spec;

  confine({}, spec);

  EXPECT_TRUE(spec.no_new_privileges);
  EXPECT_TRUE(spec.dies_with_parent);
  EXPECT_TRUE(spec.drop_capabilities);
  EXPECT_EQ(spec.umask, kWorkerUmask);
  EXPECT_EQ(spec.oom_score_adj, kWorkerOomScore);
  EXPECT_EQ(limit_of(spec, RLIMIT_CORE), 0U);
  EXPECT_FALSE(spec.user);
}

TEST(Sandbox, SetsTheLimitsThatAreAskedFor) {
  ProcessSpec spec;

  confine({.user = 1234, .processes = 64, .disk_mb = 2, .open_files = 100}, spec);

  EXPECT_EQ(limit_of(spec, RLIMIT_NPROC), 64U);
  EXPECT_EQ(limit_of(spec, RLIMIT_FSIZE), 2U * 1024 * 1024);
  EXPECT_EQ(limit_of(spec, RLIMIT_NOFILE), 100U);
  EXPECT_EQ(spec.user, 1234U);
}

TEST(Sandbox, CountsNoProcessesOfASharedUser) {
  ProcessSpec spec;

  confine({.processes = 64}, spec);

  EXPECT_EQ(limit_of(spec, RLIMIT_NPROC), ~std::uint64_t{0});
}

TEST(Sandbox, HoldsInTheProcess) {
  const std::string output =
      run_confined({.disk_mb = 1, .open_files = 50},
                   "umask; ulimit -n; ulimit -c; cat /proc/self/oom_score_adj; grep NoNewPrivs "
                   "/proc/self/status");

  EXPECT_EQ(output, "0077\n50\n0\n500\nNoNewPrivs:\t1\n");
}

TEST(Sandbox, FailsAWriteBeyondTheDiskLimitInsteadOfEndingTheProgram) {
  const std::string output = run_confined(
      {.disk_mb = 1},
      "f=$(mktemp); dd if=/dev/zero of=$f bs=1M count=2 2>/dev/null; echo \"exit $?\"; wc -c <$f; "
      "rm $f");

  EXPECT_EQ(output, "exit 1\n1048576\n");
}

TEST(Sandbox, LeavesNoCapabilitiesToItsOwnUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give users";
  const std::string output =
      run_confined({.user = 65'533}, "id -u; grep -E 'Cap(Eff|Prm|Bnd|Amb)' /proc/self/status");

  EXPECT_THAT(output, HasSubstr("65533\n"));
  EXPECT_THAT(output, HasSubstr("CapPrm:\t0000000000000000"));
  EXPECT_THAT(output, HasSubstr("CapEff:\t0000000000000000"));
  EXPECT_THAT(output, HasSubstr("CapBnd:\t0000000000000002"));  // CAP_DAC_OVERRIDE alone
  EXPECT_THAT(output, HasSubstr("CapAmb:\t0000000000000000"));
}

TEST(Sandbox, LeavesRootOnlyItsRightToFiles) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root has capabilities to lose";

  EXPECT_THAT(run_confined({}, "grep CapEff /proc/self/status"),
              HasSubstr("CapEff:\t0000000000000002"));
}

TEST(Sandbox, NamesWhatIsInForce) {
  const auto limits = limits_of({.user = 200'000, .processes = 8, .disk_mb = 3, .open_files = 9});

  EXPECT_LE(limits.processes, 8);
  EXPECT_EQ(limits.disk_mb, 3);
  EXPECT_EQ(limits.open_files, 9);
  EXPECT_EQ(limits.user, 200'000);
}

}  // namespace
}  // namespace pixell::par
