// A node that is killed between two of its steps, at each of its crash points: the node after it
// comes to the same end, with one par per instance and nothing left over.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <optional>

#include "base/crash_point.hpp"
#include "base/ids.hpp"
#include "base/process.hpp"
#include "engine/local/node/crash_points.hpp"
#include "engine/local/testing/running_node.hpp"

namespace pixell::engine::node {

using testing::fake_par_spec;
using ::testing::IsEmpty;
using testing::RunningNode;
using testing::ScratchState;

namespace {

class NodeCrashTest : public ::testing::TestWithParam<std::string_view> {
 protected:
  NodeCrashTest() { start(); }

  // Starts a node; once more when the first one dies at its point before it is ready.
  void start() {
    const std::string wanted = std::string(GetParam()) + "@" + (state_.path() / "crashed").string();
    const testing::NodeSetup setup{.environment = {{kCrashPointVariable, wanted}}, .may_end = true};
    node_.emplace(state_.path(), setup);
    if (!node_->is_ready()) node_.emplace(state_.path(), setup);
    ASSERT_TRUE(node_->is_ready()) << node_->output();
  }

  // What control does with an engine that is away: the same again, once it is back.
  template <class T>
  Result<T> persist(const std::function<Result<T>(Engine&)>& call) {
    auto result = call(node_->engine());
    if (result || result.error().code != ErrorCode::Unavailable) return result;
    start();
    return call(node_->engine());
  }

  model::Instance reach(const std::string& id, model::InstancePhase phase) {
    const Instant patience = system_clock().now() + Millis(60'000);
    std::int64_t position = 0;
    model::Instance seen;
    while (seen.phase != phase && system_clock().now() < patience) {
      const auto next = persist<std::int64_t>(
          [&](Engine& engine) { return engine.wait_for_change(position, Millis(1'000), {}); });
      const auto instance =
          persist<model::Instance>([&](Engine& engine) { return engine.inspect(id); });
      EXPECT_TRUE(next && instance);
      if (!next || !instance) break;
      position = *next;
      seen = *instance;
    }
    EXPECT_EQ(seen.phase, phase) << node_->output();
    return seen;
  }

  ScratchState state_;
  std::optional<RunningNode> node_;
};

TEST_P(NodeCrashTest, ComesToTheSameEnd) {
  const InstanceSpec spec = fake_par_spec(new_ulid(system_clock().unix_now()));

  const auto started =
      persist<model::Instance>([&](Engine& engine) { return engine.ensure(spec); });
  ASSERT_TRUE(started) << started.error().message;
  const auto ready = reach(spec.id, model::InstancePhase::Ready);
  const auto par = identify_process(static_cast<pid_t>(ready.pid));
  ASSERT_TRUE(par);
  node_->kill();
  start();
  EXPECT_EQ(reach(spec.id, model::InstancePhase::Ready).pid, ready.pid) << "not adopted";
  ASSERT_TRUE(persist<void>([&](Engine& engine) { return engine.stop(spec.id, Millis(30'000)); }));
  const auto stopped = reach(spec.id, model::InstancePhase::Stopped);
  EXPECT_EQ(stopped.exit_code, 0);
  EXPECT_EQ(stopped.exit_signal, 0);
  const auto log = persist<LogPiece>([&](Engine& engine) { return engine.read_log(spec.id, {}); });
  ASSERT_TRUE(log);
  EXPECT_EQ(log->text, "fake par starts\n") << "it was started more than once";
  ASSERT_TRUE(persist<void>([&](Engine& engine) { return engine.remove(spec.id); }));

  EXPECT_TRUE(std::filesystem::exists(state_.path() / "crashed")) << "the point was not reached";
  EXPECT_FALSE(is_running(*par));
  EXPECT_THAT(*node_->engine().list(), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(state_.path() / "instances" / spec.id));
}

std::vector<std::string_view> points_of_a_life() {
  std::vector<std::string_view> points;
  for (const std::string_view point : kNodeCrashPoints)
    if (!point.starts_with("node.rotation.")) points.push_back(point);  // see CutRotationTest
  return points;
}

std::string name_of(const ::testing::TestParamInfo<std::string_view>& row) {
  std::string name(row.param.substr(std::string_view("node.").size()));
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Points, NodeCrashTest, ::testing::ValuesIn(points_of_a_life()), name_of);

}  // namespace
}  // namespace pixell::engine::node
