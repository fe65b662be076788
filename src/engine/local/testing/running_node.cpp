#include "engine/local/testing/running_node.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process.hpp"
#include "engine/local/local_engine.hpp"
#include "engine/local/node/node.hpp"

namespace pixell::engine::testing {

namespace fs = std::filesystem;

namespace {

// Only a hung node runs into it.
constexpr Millis kPatience{60'000};

}  // namespace

RunningNode::RunningNode(const fs::path& state_dir, NodeSetup setup) {
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  UniqueFd write_end(ends[1]);
  for (const auto& [name, value] : own_environment()) setup.environment.try_emplace(name, value);
  const auto pid = start_process({.argv = {PIXELL_NODE_PROGRAM, state_dir.string(), PIXELL_FAKE_PAR,
                                           setup.cgroup_root.string()},
                                  .env = std::move(setup.environment),
                                  .fds = {{write_end.get(), 1}, {write_end.get(), 2}}});
  EXPECT_TRUE(pid) << pid.error().message;
  if (pid) pid_ = *pid;
  reader_ = std::jthread([this, fd = ends[0]] { read_output(fd); });
  write_end.reset();
  std::unique_lock lock(mutex_);
  more_.wait(lock, [&] { return is_closed_ || has_said_ready(); });
  EXPECT_TRUE(setup.may_end || has_said_ready()) << output_;
  auto engine = make_local_engine(node::node_socket(state_dir));
  EXPECT_TRUE(engine);
  if (engine) engine_ = std::move(*engine);
}

bool RunningNode::is_ready() {
  const std::lock_guard lock(mutex_);
  return has_said_ready();
}

RunningNode::~RunningNode() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGTERM);
  ::waitpid(pid_, nullptr, 0);
}

void RunningNode::kill() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void RunningNode::read_output(int fd) {
  UniqueFd owned(fd);
  char chunk[4096];
  while (true) {
    const ssize_t got = ::read(fd, chunk, sizeof chunk);
    const std::lock_guard lock(mutex_);
    if (got > 0) output_.append(chunk, static_cast<std::size_t>(got));
    is_closed_ = got <= 0;
    more_.notify_all();
    if (is_closed_) return;
  }
}

std::string RunningNode::output() {
  const std::lock_guard lock(mutex_);
  return output_;
}

model::Instance RunningNode::wait_until(
    const std::string& id, const std::function<bool(const model::Instance&)>& condition) {
  const Instant end = system_clock().now() + kPatience;
  std::int64_t position = 0;
  model::Instance last;
  while (system_clock().now() < end) {
    const auto next = engine_->wait_for_change(position, Millis(5'000), {});
    EXPECT_TRUE(next) << next.error().message;
    if (!next) return last;
    position = *next;
    const auto seen = engine_->inspect(id);
    EXPECT_TRUE(seen) << seen.error().message;
    if (!seen) return last;
    last = *seen;
    if (condition(last)) return last;
  }
  ADD_FAILURE() << id << " stayed " << to_string(last.phase) << "\n" << output();
  return last;
}

model::Instance RunningNode::wait_for(const std::string& id, model::InstancePhase phase) {
  return wait_until(id, [phase](const model::Instance& seen) { return seen.phase == phase; });
}

void end_all(RunningNode& node) {
  const auto all = node.engine().list();
  ASSERT_TRUE(all) << all.error().message;
  for (const model::Instance& instance : *all)
    if (instance.pid != 0) ::kill(static_cast<pid_t>(instance.pid), SIGKILL);
  for (const model::Instance& instance : *all) {
    node.wait_until(instance.id, [](const model::Instance& seen) { return seen.pid == 0; });
    const auto removed = node.engine().remove(instance.id);
    EXPECT_TRUE(removed) << removed.error().message;
  }
}

}  // namespace pixell::engine::testing
