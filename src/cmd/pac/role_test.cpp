#include "cmd/pac/role.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <vector>

#include "base/testing/fake_clock.hpp"
#include "cmd/pac/limits.hpp"

namespace pixell::cmd {
namespace {

class RoleTest : public ::testing::Test {
 protected:
  static Role make(std::string program) {
    return Role("role", ProcessSpec{.argv = {std::move(program)}, .env = {{"PATH", "/bin"}}});
  }
  // The wait status of a role's process, which ends by itself.
  static int wait(const Role& role) {
    int status = -1;
    EXPECT_EQ(::waitpid(role.pid(), &status, 0), role.pid());
    return status;
  }
  // One life of the given length; the pause before the next.
  Millis live(Role& role, Millis length) {
    role.start(log_, clock_.now());
    const int status = wait(role);
    clock_.advance(length);
    role.ended(log_, status, clock_.now(), false);
    const auto pause = std::chrono::duration_cast<Millis>(role.due_at() - clock_.now());
    clock_.advance(pause);
    return pause;
  }

  FakeClock clock_;
  Log log_{-1};
};

TEST_F(RoleTest, IsDueAtOnce) {
  const Role role = make("/bin/true");

  EXPECT_FALSE(role.is_running());
  EXPECT_LE(role.due_at(), clock_.now());
}

TEST_F(RoleTest, RunsUntilItsEndIsTold) {
  Role role = make("/bin/true");
  role.start(log_, clock_.now());
  ASSERT_TRUE(role.is_running());
  const int status = wait(role);
  EXPECT_TRUE(role.is_running());

  role.ended(log_, status, clock_.now(), false);

  EXPECT_FALSE(role.is_running());
  EXPECT_EQ(role.pid(), 0);
}

TEST_F(RoleTest, WaitsLongerEachTimeItEndsEarly) {
  Role role = make("/bin/false");
  std::vector<std::int64_t> pauses;

  for (int i = 0; i < 8; ++i) pauses.push_back(live(role, Millis(5)).count());

  EXPECT_EQ(pauses, (std::vector<std::int64_t>{10, 50, 100, 250, 500, 500, 500, 500}));
}

TEST_F(RoleTest, StartsItsBackOffAnewAfterAStableRun) {
  Role role = make("/bin/false");
  live(role, Millis(0));
  live(role, kStableRoleRun);
  EXPECT_EQ(live(role, kStableRoleRun), kRoleBackoffs[2]) << "just not long enough";

  EXPECT_EQ(live(role, kStableRoleRun + Millis(1)), kRoleBackoffs[0]);
}

TEST_F(RoleTest, WaitsWhenItCannotBeStarted) {
  Role role = make("/there/is/no/such/program");

  role.start(log_, clock_.now());

  EXPECT_FALSE(role.is_running());
  EXPECT_EQ(role.due_at(), clock_.now() + kRoleBackoffs[0]);
  role.start(log_, clock_.now());
  EXPECT_EQ(role.due_at(), clock_.now() + kRoleBackoffs[1]);
}

TEST_F(RoleTest, TellsHowItEnded) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const UniqueFd read_end(ends[0]);
  const UniqueFd write_end(ends[1]);
  const Log log(write_end.get());
  Role role = make("/bin/true");
  role.start(log, clock_.now());
  (void)wait(role);
  role.ended(log, SIGKILL, clock_.now(), false);
  role.start(log, clock_.now());
  (void)wait(role);
  role.ended(log, 3 << 8, clock_.now(), true);

  char text[4096] = {};
  ASSERT_GT(::read(read_end.get(), text, sizeof text - 1), 0);

  const std::string_view lines(text);
  EXPECT_NE(lines.find(R"("exit_code":0,"signal":9,"restart_in_ms":10)"), lines.npos) << lines;
  EXPECT_NE(lines.find(R"("event":"Role stopped","level":"info")"), lines.npos) << lines;
  EXPECT_NE(lines.find(R"("exit_code":3,"signal":0)"), lines.npos) << lines;
}

}  // namespace
}  // namespace pixell::cmd
