#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "reconcile/limits.hpp"
#include "reconcile/planner.hpp"

// A small world of one app, in which plans are carried out and everything else happens at random.
namespace pixell::reconcile {
namespace {

using model::DeploymentState;
using model::InstancePhase;

constexpr int kWorlds = 400;
constexpr int kEventsPerWorld = 80;
constexpr int kPassesToRest = 12;

class World {
 public:
  explicit World(unsigned seed) : random_(seed) {
    view_.app.id = "hello";
    edge_legs_ = {};
  }

  /// One thing that is not ours to decide.
  void something_happens() {
    switch (pick(10)) {
      case 0:
        return deploy();
      case 1:
      case 2:
        return instance_progresses();
      case 3:
        return import_ends();
      case 4:
      case 5:
        return edge_polls();
      case 6:
        edge_is_silent_ = pick(3) == 0;
        return;
      case 7:
        view_.engine_seen = pick(4) != 0;
        return;
      case 8:
        return kill_something();
      default:
        now_ += std::int64_t(pick(4) == 0 ? pick(400'000) : pick(3'000));
    }
  }

  /// One pass; with `may_crash` the process may die between two steps, or inside a start.
  void pass(bool may_crash) {
    refresh_view();
    const bool had_target = has_target();
    const Plan planned = plan(view_, now_);
    check_steps(planned);
    for (const Step& step : planned.steps) {
      if (may_crash && pick(8) == 0) {
        if (const auto* start = std::get_if<StartInstance>(&step)) record(*start);
        break;
      }
      std::visit([this](const auto& kind) { perform(kind); }, step);
    }
    EXPECT_TRUE(!had_target || has_target()) << "the plan took the last ready target away";
  }

  /// Lets the world go on kindly and returns whether the planner came to rest.
  bool comes_to_rest() {
    view_.engine_seen = true;
    edge_is_silent_ = false;
    for (int i = 0; i < 60; ++i) {
      for (int n = 0; n < kPassesToRest; ++n) {
        refresh_view();
        if (described().empty()) break;
        pass(false);
      }
      if (!importing_.empty()) import_ends();
      instance_progresses();
      edge_polls();
      now_ += 5'000;
    }
    refresh_view();
    return described().empty();
  }

  void check_rest() {
    for (const auto& [id, deployment] : deployments_) {
      EXPECT_TRUE(model::is_final(deployment.state)) << id;
    }
    const std::int64_t desired = model::leading_revision(view_.app.traffic);
    if (desired == 0) {
      EXPECT_TRUE(instances_.empty());
      EXPECT_TRUE(view_.route.route.legs.empty());
      return;
    }
    ASSERT_EQ(instances_.size(), 1u);
    const model::Instance& instance = instances_.begin()->second.instance;
    EXPECT_EQ(instance.revision, desired);
    EXPECT_EQ(instance.phase, InstancePhase::Ready);
    ASSERT_EQ(view_.route.route.legs.size(), 1u);
    EXPECT_EQ(view_.route.route.legs[0].revision, desired);
    EXPECT_EQ(view_.route.route.legs[0].addresses, std::vector<std::string>{instance.address});
  }

  /// Plans until nothing is left; nothing else happens meanwhile.
  void check_idempotent() {
    for (int n = 0; n < kPassesToRest; ++n) {
      refresh_view();
      if (described().empty()) return;
      pass(false);
    }
    refresh_view();
    EXPECT_TRUE(described().empty()) << described();
  }

 private:
  unsigned pick(unsigned below) { return unsigned(random_() % below); }

  std::string described() const {
    std::string text;
    for (const Step& step : plan(view_, now_).steps) {
      const auto* import_step = std::get_if<ImportPackage>(&step);
      if (import_step == nullptr || !importing_.contains(import_step->deployment_id))
        text += describe(step) + "; ";
    }
    return text;
  }

  void refresh_view() {
    view_.open_deployments.clear();
    for (const auto& [id, deployment] : deployments_)
      if (!model::is_final(deployment.state)) view_.open_deployments.push_back(deployment);
    view_.instances.clear();
    for (const auto& [id, seen] : instances_) view_.instances.push_back(seen);
    view_.edges_applied = edge_generation_ >= view_.route.generation;
  }

  bool has_target() const {
    for (const auto& [id, seen] : instances_)
      if (seen.instance.phase == InstancePhase::Ready && is_in(view_.route.route.legs, seen))
        return true;
    return false;
  }

  static bool is_in(const std::vector<model::RouteLeg>& legs, const ObservedInstance& seen) {
    return std::any_of(legs.begin(), legs.end(), [&](const model::RouteLeg& leg) {
      return std::find(leg.addresses.begin(), leg.addresses.end(), seen.instance.address) !=
             leg.addresses.end();
    });
  }

  // No two steps about one thing, at most one route.
  static void check_steps(const Plan& planned) {
    std::set<std::string> subjects;
    int routes = 0;
    for (const Step& step : planned.steps) {
      routes += std::holds_alternative<PublishRoute>(step);
      std::string subject = describe(step);
      subject.erase(0, subject.find(' '));
      EXPECT_TRUE(subjects.insert(subject).second) << describe(step);
    }
    EXPECT_LE(routes, 1);
  }

  // Events.

  void deploy() {
    model::Deployment deployment;
    deployment.id = fmt::format("d{:04}", ++last_id_);
    deployment.created_at = now_;
    deployment.deadline = now_ + 600'000;
    deployment.steps = model::new_deployment_steps();
    if (pick(3) == 0) deployment.package_sha256 = "uploaded";
    deployments_[deployment.id] = deployment;
  }
  void import_ends() {
    if (importing_.empty()) return;
    const std::string id = *importing_.begin();
    importing_.erase(importing_.begin());
    model::Deployment& deployment = deployments_.at(id);
    if (model::is_final(deployment.state)) return;
    if (pick(4) == 0)
      deployment.state = DeploymentState::Failed;
    else
      make_revision(deployment);
  }
  void instance_progresses() {
    for (auto& [id, seen] : instances_) {
      model::Instance& instance = seen.instance;
      if (!seen.in_engine) continue;
      if (instance.phase == InstancePhase::Draining) {
        instance.phase = InstancePhase::Stopped;
      } else if (instance.phase == InstancePhase::Starting) {
        const bool is_bad = bad_.contains(instance.revision);
        instance.phase = is_bad ? InstancePhase::Failed : InstancePhase::Ready;
      } else {
        continue;
      }
      instance.changed_at = now_;
    }
  }
  void kill_something() {
    if (instances_.empty()) return;
    auto victim = instances_.begin();
    std::advance(victim, pick(unsigned(instances_.size())));
    if (!victim->second.in_engine) return;
    model::Instance& instance = victim->second.instance;
    if (instance.phase == InstancePhase::Stopped || instance.phase == InstancePhase::Failed) return;
    instance.phase = InstancePhase::Failed;
    instance.changed_at = now_;
  }
  void edge_polls() {
    if (edge_is_silent_) return;
    edge_generation_ = view_.route.generation;
    edge_legs_ = view_.route.route.legs;
  }

  // Steps.

  void perform(const ImportPackage& step) { importing_.insert(step.deployment_id); }
  void perform(const CreateRevision& step) { make_revision(deployments_.at(step.deployment_id)); }
  void perform(const StartInstance& step) {
    const std::string id = record(step);
    instances_.at(id).in_engine = true;
    instances_.at(id).instance.started_at = now_;
  }
  void perform(const PublishRoute& step) {
    view_.route.route.legs = step.legs;
    ++view_.route.generation;
    view_.route.changed_at = now_;
  }
  void perform(const StopInstance& step) {
    ObservedInstance& seen = instances_.at(step.instance_id);
    const bool has_waited = now_ - view_.route.changed_at >= kSilentEdgeWait.count();
    EXPECT_TRUE(!is_in(edge_legs_, seen) || has_waited)
        << step.instance_id << " was stopped while an edge sends to it";
    if (seen.in_engine) seen.instance.phase = InstancePhase::Draining;
  }
  void perform(const RemoveInstance& step) {
    const InstancePhase phase = instances_.at(step.instance_id).instance.phase;
    EXPECT_TRUE(phase == InstancePhase::Stopped || phase == InstancePhase::Failed ||
                !instances_.at(step.instance_id).in_engine);
    instances_.erase(step.instance_id);
  }
  void perform(const CompleteDeployment& step) {
    model::Deployment& deployment = deployments_.at(step.deployment_id);
    EXPECT_FALSE(model::is_final(deployment.state));
    deployment.state = DeploymentState::Completed;
    view_.app.traffic = step.traffic;
  }
  void perform(const FailDeployment& step) {
    model::Deployment& deployment = deployments_.at(step.deployment_id);
    EXPECT_FALSE(model::is_final(deployment.state));
    deployment.state = DeploymentState::Failed;
  }

  std::string record(const StartInstance& step) {
    if (!step.instance_id.empty()) return step.instance_id;
    ObservedInstance seen;
    seen.instance.id = fmt::format("i{:04}", ++last_id_);
    seen.instance.revision = step.revision;
    seen.instance.address = "unix:/" + seen.instance.id;
    seen.instance.restarts = step.restarts;
    seen.instance.changed_at = now_;
    instances_[seen.instance.id] = seen;
    return seen.instance.id;
  }
  void make_revision(model::Deployment& deployment) {
    deployment.revision = ++last_revision_;
    deployment.state = DeploymentState::Processing;
    if (pick(3) == 0) bad_.insert(deployment.revision);
  }

  std::mt19937 random_;
  AppView view_;
  UnixMillis now_ = 1'700'000'000'000;
  std::map<std::string, model::Deployment> deployments_;
  std::map<std::string, ObservedInstance> instances_;
  std::set<std::string> importing_;
  std::set<std::int64_t> bad_;  // revisions that never become ready
  std::int64_t edge_generation_ = 0;
  std::vector<model::RouteLeg> edge_legs_;
  bool edge_is_silent_ = false;
  std::int64_t last_revision_ = 0;
  int last_id_ = 0;
};

TEST(PlannerProperty, ConvergesAndNeverTakesTheLastReadyTargetAway) {
  for (unsigned seed = 1; seed <= kWorlds; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    World world(seed);

    for (int i = 0; i < kEventsPerWorld; ++i) {
      world.something_happens();
      world.pass(true);
    }

    ASSERT_TRUE(world.comes_to_rest());
    world.check_rest();
    if (::testing::Test::HasFailure()) return;  // the first seed is enough to look at
  }
}

TEST(PlannerProperty, HasNothingLeftAfterItsStepsWereDone) {
  for (unsigned seed = 1; seed <= kWorlds; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    World world(seed);

    for (int i = 0; i < kEventsPerWorld / 2; ++i) {
      world.something_happens();
      world.pass(true);
      world.check_idempotent();
    }

    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace pixell::reconcile
