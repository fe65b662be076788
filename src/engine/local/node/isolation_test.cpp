// Own users and control groups, for real where the machine has them. Skipped parts say why.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <fstream>

#include "base/files.hpp"
#include "base/ids.hpp"
#include "base/process.hpp"
#include "engine/local/node/cgroup.hpp"
#include "engine/local/node/limits.hpp"
#include "engine/local/node/user_ids.hpp"
#include "engine/local/testing/running_node.hpp"
#include "engine/records/installation_mark.hpp"

namespace pixell::engine::node {

using testing::fake_par_spec;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::RunningNode;
using testing::ScratchState;

namespace fs = std::filesystem;

namespace {

std::string new_id() { return new_ulid(system_clock().unix_now()); }

// The exit code of a shell that runs `script` as `user`.
int run_as(uid_t user, const std::string& script) {
  const auto pid = start_process({.argv = {"/bin/sh", "-c", script}, .user = user});
  EXPECT_TRUE(pid) << pid.error().message;
  if (!pid) return -1;
  int status = 0;
  EXPECT_EQ(::waitpid(*pid, &status, 0), *pid);
  return exit_status_of(status).code;
}

uid_t owner_of(const fs::path& path) {
  struct stat found {};
  EXPECT_EQ(::stat(path.c_str(), &found), 0) << path;
  return found.st_uid;
}

class IsolationTest : public ::testing::Test {
 protected:
  ~IsolationTest() override { testing::end_all(node_); }
  model::Instance start_ready(const InstanceSpec& spec) {
    const auto started = node_.engine().ensure(spec);
    EXPECT_TRUE(started) << started.error().message;
    return node_.wait_for(spec.id, model::InstancePhase::Ready);
  }
  fs::path directory(const std::string& id) const { return state_.path() / "instances" / id; }
  Cgroup group(const std::string& id) const {
    return Cgroups::detect(installation_mark(state_.path()).text).find(id);
  }

  ScratchState state_;
  RunningNode node_{state_.path()};
};

TEST_F(IsolationTest, GivesEachInstanceAUserOfItsOwn) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give users";
  ASSERT_TRUE(node_.engine().capabilities().own_users);
  const auto first = start_ready(fake_par_spec(new_id()));
  const auto second = start_ready(fake_par_spec(new_id()));

  const uid_t user = owner_of(directory(first.id) / "work");
  const uid_t other = owner_of(directory(second.id) / "work");
  EXPECT_GE(user, kFirstUserId);
  EXPECT_NE(user, other);
  std::ifstream file(directory(first.id) / "environment");
  const std::string environment(std::istreambuf_iterator<char>(file), {});
  EXPECT_THAT(environment, HasSubstr("PAR_WORKER_UID=" + std::to_string(user) + "\n"));
}

TEST_F(IsolationTest, LetsAnAgentReachItsOwnDirectoriesAndNothingElse) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give users";
  const auto mine = start_ready(fake_par_spec(new_id()));
  const auto other = start_ready(fake_par_spec(new_id()));
  const uid_t user = owner_of(directory(mine.id) / "work");
  const std::string own = directory(mine.id).string();
  const std::string foreign = directory(other.id).string();
  const std::string state = state_.path().string();

  EXPECT_EQ(run_as(user, "echo x > " + own + "/work/file && cat " + own + "/work/file"), 0);
  for (const std::string& forbidden :
       {"ls " + state, "ls " + state + "/instances", "ls " + state + "/run",
        "cat " + state + "/run/node.lock", "ls " + own, "cat " + own + "/spec.json",
        "cat " + own + "/par.log", "echo x > " + own + "/file", "ls " + foreign,
        "ls " + foreign + "/work", "cat " + foreign + "/spec.json",
        "echo x > " + foreign + "/work/file", "ls " + state + "/journal",
        "kill -9 " + std::to_string(other.pid), "kill -9 " + std::to_string(node_.pid())})
    EXPECT_NE(run_as(user, forbidden), 0) << forbidden;
}

TEST_F(IsolationTest, GivesAFreedUserToTheNextInstance) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give users";
  const auto first = start_ready(fake_par_spec(new_id()));
  const uid_t user = owner_of(directory(first.id) / "work");
  testing::end_all(node_);
  // The user is free when its files are gone, which happens on another thread.
  while (fs::directory_iterator(state_.path() / "instances") != fs::directory_iterator())
    ASSERT_TRUE(node_.engine().list());
  ASSERT_TRUE(node_.engine().list());  // one more turn, in which the node hears of it

  const auto second = start_ready(fake_par_spec(new_id()));

  EXPECT_EQ(owner_of(directory(second.id) / "work"), user);
}

TEST_F(IsolationTest, EndsAnAgentThatTakesTooMuchMemory) {
  if (!node_.engine().capabilities().memory_limits) GTEST_SKIP() << "no memory control group";
  InstanceSpec spec = fake_par_spec(new_id());
  spec.resources.memory_mb = 32;
  spec.environment["FAKE_PAR_EAT_MB"] = "100";
  ASSERT_TRUE(node_.engine().ensure(spec));

  const auto failed = node_.wait_for(spec.id, model::InstancePhase::Failed);

  EXPECT_EQ(failed.exit_signal, SIGKILL);
  ASSERT_TRUE(failed.boot_report && failed.boot_report->failure);
  EXPECT_EQ(failed.boot_report->failure->cause, model::Cause::OutOfMemory);
  EXPECT_THAT(failed.boot_report->failure->message, HasSubstr("32 MiB"));
}

TEST_F(IsolationTest, EndsWhatAKilledInstanceLeftAndRemovesItsGroup) {
  if (!node_.engine().capabilities().memory_limits) GTEST_SKIP() << "no control groups";
  InstanceSpec spec = fake_par_spec(new_id());
  spec.environment["FAKE_PAR_CHILD"] = "1";
  const auto instance = start_ready(spec);
  ASSERT_TRUE(group(spec.id).exists());
  const auto text = read_file(directory(spec.id) / "child");
  ASSERT_TRUE(text);
  pid_t child = 0;
  std::from_chars(text->data(), text->data() + text->size(), child);
  const auto identity = identify_process(child);
  ASSERT_TRUE(identity);
  ASSERT_TRUE(is_running(*identity));

  ::kill(static_cast<pid_t>(instance.pid), SIGKILL);
  node_.wait_for(spec.id, model::InstancePhase::Failed);

  // A kill is delivered at once but a process needs a moment to be gone.
  while (is_running(*identity)) ASSERT_TRUE(node_.engine().list());
  while (group(spec.id).exists()) ASSERT_TRUE(node_.engine().list());
}

TEST(Isolation, SaysLoudlyThatThereAreNoControlGroups) {
  const ScratchState state;
  const ScratchState empty;
  RunningNode node(state.path(), {.cgroup_root = empty.path()});

  const auto capabilities = node.engine().capabilities();

  EXPECT_FALSE(capabilities.memory_limits);
  EXPECT_THAT(capabilities.notes, ::testing::Contains(HasSubstr("memory is not limited")));
  EXPECT_THAT(node.output(), HasSubstr("Isolation is degraded"));
}

TEST(Isolation, KillsTheDescendantsOfAnInstanceThatIgnoresItsStopWithoutGroupsToo) {
  const ScratchState state;
  const ScratchState empty;
  RunningNode node(state.path(), {.cgroup_root = empty.path()});
  InstanceSpec spec = fake_par_spec(new_id());
  spec.environment["FAKE_PAR_CHILD"] = "1";
  spec.environment["FAKE_PAR_STOP"] = "ignore";
  ASSERT_TRUE(node.engine().ensure(spec));
  node.wait_for(spec.id, model::InstancePhase::Ready);
  const auto text = read_file(state.path() / "instances" / spec.id / "child");
  ASSERT_TRUE(text);
  pid_t child = 0;
  std::from_chars(text->data(), text->data() + text->size(), child);
  const auto identity = identify_process(child);
  ASSERT_TRUE(identity);

  ASSERT_TRUE(node.engine().stop(spec.id, Millis(0)));
  node.wait_for(spec.id, model::InstancePhase::Stopped);

  while (is_running(*identity)) ASSERT_TRUE(node.engine().list());
  testing::end_all(node);
}

TEST(Isolation, SaysWhyAgentsRunAsRootWhenTheStateDirectoryIsClosed) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give users";
  const ScratchState closed;
  ASSERT_EQ(::chmod(closed.path().c_str(), 0700), 0);
  RunningNode node(closed.path() / "state");

  const auto capabilities = node.engine().capabilities();

  EXPECT_FALSE(capabilities.own_users);
  EXPECT_THAT(capabilities.notes,
              ::testing::Contains(HasSubstr("cannot get through " + closed.path().string())));
}

}  // namespace
}  // namespace pixell::engine::node
