#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "reconcile/limits.hpp"
#include "reconcile/planner.hpp"
#include "reconcile/rollout_plan.hpp"
#include "reconcile/testing/plan_checks.hpp"
#include "reconcile/testing/scaling_world.hpp"

namespace pixell::reconcile {

using model::DeploymentState;
using model::InstancePhase;

/// Passes after which a planner must have come to rest when nothing else happens.
inline constexpr int kPassesToRest = 16;
/// Milliseconds every deployment is given.
inline constexpr std::int64_t kDeadline = 300'000;

/// A small world of one app, in which plans are carried out and everything else happens at random.
class PlannerWorld {
 public:
  explicit PlannerWorld(unsigned seed) : random_(seed) {
    view_.app.id = "hello";
    view_.engine_scales = seed % 2 == 0;
  }

  /// One thing that is not ours to decide.
  void something_happens() {
    switch (pick(17)) {
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
      case 9:
        return command();
      case 10:
        view_.measured = {.requests = 100, .errors = pick(3) == 0 ? 90 : 0};
        return;
      case 11:
        view_.app.settings = any_settings(random_);
        return;
      case 12:
        return split_traffic();
      case 13:
        return reroute();
      case 14:
        view_.app.is_deleting = view_.app.is_deleting || pick(30) == 0;
        return;
      case 15:
        return engine_scales(view_, random_);
      default:
        now_ += std::int64_t(pick(4) == 0 ? pick(400'000) : pick(3'000));
    }
  }

  /// One pass; with `may_crash` the process may die between two steps, or inside a start.
  void pass(bool may_crash) {
    refresh_view();
    is_app_new_ = false;
    const int targets_before = targets();
    const Plan planned = plan(view_, now_);
    check_steps(planned);
    for (const Step& step : planned.steps) {
      if (may_crash && pick(8) == 0) {
        if (const auto* start = std::get_if<StartInstance>(&step)) record(*start);
        break;
      }
      std::visit([this](const auto& kind) { perform(kind); }, step);
    }
    // A first deployment that ends without success leaves nothing behind.
    if (view_.app.is_deleting || is_app_new_ || view_.app.traffic.legs.empty()) return;
    EXPECT_GE(targets(), std::min(targets_before, wanted_instances(view_)))
        << "the plan went below the minimum of ready targets: " << texts(planned);
  }

  /// Lets the world go on kindly and returns whether the planner came to rest.
  bool comes_to_rest() {
    view_.engine_seen = true;
    edge_is_silent_ = false;
    view_.measured = {};
    for (int i = 0; i < 100; ++i) {
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
    std::map<std::int64_t, int> ready;
    for (const auto& [id, seen] : instances_) {
      EXPECT_EQ(seen.instance.phase, InstancePhase::Ready) << id;
      ++ready[seen.instance.revision];
    }
    const auto& legs = view_.app.traffic.legs;
    ASSERT_EQ(view_.route.route.legs.size(), legs.size());
    for (std::size_t i = 0; i < legs.size(); ++i) {
      const model::RouteLeg& routed = view_.route.route.legs[i];
      EXPECT_EQ(routed.revision, legs[i].revision);
      EXPECT_EQ(routed.weight_permille, legs[i].weight_permille);
      const int wanted = instances_for(wanted_instances(view_),
                                       model::weight_of(view_.app.traffic, legs[i].revision));
      EXPECT_EQ(int(routed.addresses.size()), wanted);
      EXPECT_EQ(ready[legs[i].revision], wanted);
    }
    check_routing_at_rest(view_);
    check_scaling_at_rest(view_);
    for (const auto& [revision, count] : ready)
      EXPECT_TRUE(model::refers_to(view_.app.traffic, revision)) << revision << " is left over";
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
    view_.retired.clear();
    for (const auto& [number, at] : retired_)
      view_.retired.push_back({.number = number, .retired_at = at});
    std::sort(view_.retired.begin(), view_.retired.end(),
              [](const auto& a, const auto& b) { return a.retired_at > b.retired_at; });
    view_.edges_applied = edge_generation_ >= view_.route.generation;
  }

  // Ready targets of revisions that are to serve; those of a failed rollout do not count.
  int targets() const {
    const auto& open = view_.open_deployments;
    const std::int64_t candidate = open.empty() ? 0 : open.back().revision;
    int count = 0;
    for (const auto& [id, seen] : instances_) {
      const std::int64_t revision = seen.instance.revision;
      if (revision == candidate || model::refers_to(view_.app.traffic, revision))
        count += seen.instance.phase == InstancePhase::Ready && is_in(view_.route.route.legs, seen);
    }
    return count;
  }

  // Events.

  void deploy() {
    if (view_.app.is_deleting) return;
    model::Deployment deployment;
    deployment.id = fmt::format("d{:04}", ++last_id_);
    deployment.created_at = now_;
    deployment.deadline = now_ + kDeadline;
    deployment.steps = model::new_deployment_steps();
    deployment.moves_traffic = pick(8) != 0;
    if (pick(3) == 0) deployment.package_sha256 = "uploaded";
    if (pick(3) == 0)
      deployment.strategy = {
          .kind = model::StrategyKind::Canary,
          .steps = {{.weight_permille = 1 + int(pick(400)), .seconds = pick(20)}, {500, 10}}};
    else if (pick(3) == 0)
      deployment.strategy = {.kind = model::StrategyKind::BlueGreen, .bake_seconds = pick(20)};
    // Back to a revision that was there.
    if (last_revision_ > first_revision_ && pick(4) == 0) {
      deployment.kind = model::DeploymentKind::Rollback;
      deployment.revision = first_revision_ + 1 + pick(unsigned(last_revision_ - first_revision_));
    }
    deployments_[deployment.id] = deployment;
  }
  void command() {
    constexpr std::array kCommands = {model::RolloutCommand::Pause, model::RolloutCommand::Resume,
                                      model::RolloutCommand::Promote, model::RolloutCommand::Abort};
    for (auto& [id, deployment] : deployments_)
      if (!model::is_final(deployment.state))
        deployment.rollout = after(deployment.rollout, kCommands[pick(4)], now_);
  }
  void split_traffic() {
    const bool is_rolling_out =
        std::any_of(deployments_.begin(), deployments_.end(),
                    [](const auto& entry) { return !model::is_final(entry.second.state); });
    const std::int64_t leader = model::leading_revision(view_.app.traffic);
    if (is_rolling_out || leader == 0 || view_.app.is_deleting) return;
    const std::int64_t other =
        first_revision_ + 1 + pick(unsigned(last_revision_ - first_revision_));
    if (bad_.contains(other)) return;
    model::Traffic traffic = model::with_weight(view_.app.traffic, other, int(pick(1001)));
    if (pick(3) == 0) traffic = model::with_tag(traffic, other, "next");
    traffic.is_pinned = pick(6) == 0;
    set_traffic(traffic);
  }
  void reroute() {
    if (view_.app.is_deleting) return;
    model::Routing routing{.aliases = {fmt::format("alias{}", pick(3))}};
    if (pick(2) == 0) routing.legacy = {.address = "10.0.0.7:80", .weight_permille = 200};
    const auto& legs = view_.app.traffic.legs;
    if (pick(2) == 0 && !legs.empty())
      routing.mirror = {.revision = legs[pick(unsigned(legs.size()))].revision, .permille = 100};
    view_.app.routing = routing;
  }
  void set_traffic(const model::Traffic& traffic) {
    for (const model::TrafficLeg& leg : view_.app.traffic.legs)
      if (model::weight_of(traffic, leg.revision) == 0) retired_[leg.revision] = now_;
    for (const model::TrafficLeg& leg : traffic.legs) retired_.erase(leg.revision);
    view_.app.traffic = traffic;
    is_app_new_ = true;  // what was enough for the former traffic need not be for this one
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
    view_.route.route.sticky = step.sticky;
    view_.route.route.routing = step.routing;
    ++view_.route.generation;
    view_.route.changed_at = now_;
  }
  void perform(const ScaleApp& step) { scale(view_, step); }
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
    set_traffic(step.traffic);
    if (model::weight_of(step.traffic, deployment.revision) == 0)
      retired_[deployment.revision] = now_;
  }
  void perform(const AdvanceRollout& step) {
    model::RolloutProgress& rollout = deployments_.at(step.deployment_id).rollout;
    EXPECT_GT(step.stage, rollout.stage);
    rollout.stage = step.stage;
    rollout.stage_started_at = now_;
    rollout.stage_held_ms = 0;
    rollout.measured_since = now_;
  }
  void perform(const RemoveApp&) {
    EXPECT_TRUE(view_.app.is_deleting);
    EXPECT_TRUE(instances_.empty());
    EXPECT_TRUE(view_.route.route.legs.empty() && !view_.scaling);
    view_.app.is_deleting = false;
    EXPECT_EQ(view_.route.route.routing, model::Routing());
    view_.app.traffic = {};
    view_.app.routing = {};
    retired_.clear();
    first_revision_ = last_revision_;
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
  std::map<std::int64_t, UnixMillis> retired_;
  std::int64_t edge_generation_ = 0;
  std::vector<model::RouteLeg> edge_legs_;
  bool edge_is_silent_ = false;
  bool is_app_new_ = false;          // its traffic was changed in this pass
  std::int64_t first_revision_ = 0;  // those up to it went with a deleted app
  std::int64_t last_revision_ = 0;
  int last_id_ = 0;
};

}  // namespace pixell::reconcile
