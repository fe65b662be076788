#include "reconcile/planner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "reconcile/instance_set.hpp"
#include "reconcile/limits.hpp"
#include "reconcile/rollout_plan.hpp"
#include "reconcile/route_plan.hpp"
#include "reconcile/scaling_plan.hpp"
#include "reconcile/warm_revision.hpp"

namespace pixell::reconcile {

namespace {

using model::Cause;
using model::InstancePhase;
using model::kWholeTraffic;

model::Failure overdue(const model::Deployment& deployment, const AppView& view) {
  std::string step = "waiting";
  for (const model::DeploymentStep& candidate : deployment.steps)
    if (candidate.state == model::StepState::Processing) step = candidate.name;
  std::vector<std::string> evidence{fmt::format("it was at: {}", step)};
  if (deployment.rollout.is_paused) evidence.push_back("its rollout was paused");
  if (!view.engine_seen && !view.engine_problem.empty())
    return model::make_failure(Cause::EngineUnavailable,
                               "what runs the agents could not be reached: " + view.engine_problem,
                               std::move(evidence));
  return model::make_failure(Cause::DeadlineExceeded,
                             fmt::format("the deployment did not finish within {} s",
                                         (deployment.deadline - deployment.created_at) / 1'000),
                             std::move(evidence));
}

// One planning of one app; the members are what the parts of the decision share.
class Planning {
 public:
  Planning(const AppView& view, UnixMillis now) : view_(view), now_(now), instances_(view) {}

  Plan run() {
    if (auto step = scaling_step(view_)) plan_.steps.push_back(std::move(*step));
    if (view_.app.is_deleting) {
      delete_app();
      return std::move(plan_);
    }
    if (supersede_older() || end_current()) return std::move(plan_);
    if (current_ != nullptr) look_again(current_->deadline);
    set_target();
    if (view_.engine_seen) {
      if (fail_when_ended()) return std::move(plan_);
      for (const ObservedInstance& seen : view_.instances)
        if (makes_room(seen)) plan_.steps.push_back(StopInstance{seen.instance.id});
      run_wanted();
      route();
      roll_out();
      stop_unwanted();
      remove_ended();
    }
    make_revision();
    return std::move(plan_);
  }

 private:
  // ------------------------------------------------------------------------- open deployments

  // True when nothing more is to be planned before its steps are done.
  bool supersede_older() {
    const auto& open = view_.open_deployments;
    if (open.empty()) return false;
    current_ = &open.back();
    bool has_completed = false;
    for (const model::Deployment& older : open) {
      if (&older == current_) continue;
      // One that has the traffic already is done: taking it back would help nobody, and would
      // leave a first deployment without any ready instance.
      if (has_all_traffic(older)) {
        complete(older);
        has_completed = true;
      } else {
        fail(older, model::make_failure(
                        Cause::Superseded,
                        fmt::format("deployment {} of the same app is newer", current_->id)));
      }
    }
    return has_completed;
  }

  // True when the current deployment ends by its operator's word, its deadline or its numbers.
  bool end_current() {
    if (current_ == nullptr) return false;
    if (current_->rollout.is_aborted && !is_needed(*current_)) {
      fail(*current_, model::make_failure(Cause::Aborted, "the rollout was aborted"));
      return true;
    }
    if (now_ >= current_->deadline) {
      if (has_all_traffic(*current_))
        complete(*current_);
      else
        fail(*current_, overdue(*current_, view_));
      return true;
    }
    if (current_->rollout.stage < 0) return false;
    look_again(now_ + kHealthLook.count());
    if (auto failure = unhealthy(current_->strategy.health, view_.measured)) {
      fail(*current_, std::move(*failure));
      return true;
    }
    return false;
  }

  // The revision on trial serves while none that is to get its traffic back is ready.
  bool is_needed(const model::Deployment& deployment) const {
    const std::int64_t former = model::leading_revision(view_.app.traffic);
    return former != 0 && former != deployment.revision && now_ < deployment.deadline &&
           instances_.ready_count(former) == 0 && instances_.routed_weight(deployment.revision) > 0;
  }

  bool has_all_traffic(const model::Deployment& deployment) const {
    return deployment.revision != 0 &&
           instances_.routed_weight(deployment.revision) == kWholeTraffic &&
           instances_.ready_count(deployment.revision) > 0;
  }

  // An instance of the revision on trial ended. In a stage that is evidence enough; before, its
  // deployment has failed when none is left, unless it was ended from outside.
  bool fail_when_ended() {
    if (candidate() == 0) return false;
    const model::Instance* ended = instances_.newest_ended(candidate());
    if (ended == nullptr || ended->changed_at < current_->created_at) return false;
    const bool is_on_stage = current_->rollout.stage >= 0 &&
                             ended->phase == InstancePhase::Failed &&
                             ended->changed_at >= current_->rollout.measured_since;
    const bool is_left_alone = instances_.live(candidate()).empty();
    if (!is_on_stage && !is_left_alone) return false;
    if (!is_on_stage && was_ended_from_outside(*ended) && ended->restarts < kTrialRestarts)
      return false;
    fail(*current_, failure_of(*ended));
    return true;
  }

  void set_target() {
    if (candidate() == 0) return;
    facts_.emplace(RolloutFacts{.deployment = *current_,
                                .base = view_.app.traffic,
                                .wanted = wanted_instances(view_),
                                .ready = instances_.ready_count(candidate()),
                                .routed_weight = instances_.routed_weight(candidate())});
    target_ = rollout_target(*facts_, now_);
    if (target_.look_again_at) look_again(*target_.look_again_at);
  }

  // The route is as planned and in force everywhere: the stage has begun, or all is done.
  void roll_out() {
    if (!facts_ || !target_.is_reached) return;
    if (!is_settled_) return await_edges(patience_ends());
    if (target_.is_last)
      complete(*current_);
    else if (current_->rollout.stage != target_.stage)
      plan_.steps.push_back(AdvanceRollout{current_->id, target_.stage});
  }

  void make_revision() {
    if (current_ == nullptr || current_->revision != 0) return;
    if (current_->package_sha256.empty())
      plan_.steps.push_back(ImportPackage{current_->id});
    else
      plan_.steps.push_back(CreateRevision{current_->id});
  }

  void complete(const model::Deployment& deployment) {
    const RolloutFacts facts{.deployment = deployment, .base = view_.app.traffic};
    plan_.steps.push_back(
        CompleteDeployment{deployment.id, traffic_at_end(facts, rollout_target(facts, now_))});
  }

  void fail(const model::Deployment& deployment, model::Failure failure) {
    const bool had_traffic = deployment.revision != 0 &&
                             instances_.routed_weight(deployment.revision) > 0 &&
                             model::weight_of(view_.app.traffic, deployment.revision) !=
                                 instances_.routed_weight(deployment.revision) &&
                             model::leading_revision(view_.app.traffic) != 0;
    plan_.steps.push_back(FailDeployment{.deployment_id = deployment.id,
                                         .failure = std::move(failure),
                                         .is_rolled_back = had_traffic});
  }

  // ----------------------------------------------------------------------------------- instances

  // How many instances of a revision should run.
  int wanted(std::int64_t revision) const {
    if (revision == 0 || view_.app.is_deleting) return 0;
    int count = 0;
    if (model::refers_to(view_.app.traffic, revision)) {
      const int weight = model::weight_of(view_.app.traffic, revision);
      count = instances_for(wanted_instances(view_), weight);
    }
    return revision == candidate() ? std::max(count, target_.instances) : count;
  }

  // A former revision that stays as it is, for a rollback.
  bool is_warm(std::int64_t revision) {
    const auto ends = warm_until(view_, revision, needed_revisions());
    if (!ends || now_ >= *ends) return false;
    look_again(*ends);
    return true;
  }

  int needed_revisions() const {
    std::set<std::int64_t> needed;
    if (wanted(candidate()) > 0) needed.insert(candidate());
    for (const model::TrafficLeg& leg : view_.app.traffic.legs)
      if (wanted(leg.revision) > 0) needed.insert(leg.revision);
    return int(needed.size());
  }

  // Before the one is started that needs its place.
  bool makes_room(const ObservedInstance& seen) {
    const model::Instance& instance = seen.instance;
    return view_.max_revisions > 0 && !view_.app.is_deleting && view_.edges_applied &&
           seen.has_row && seen.in_engine && is_live(instance) && wanted(instance.revision) == 0 &&
           !instances_.is_routed(instance.address) && !is_warm(instance.revision);
  }

  void run_wanted() {
    if (candidate() != 0) ensure_running(candidate(), current_->id);
    // What the new revision has taken over for good needs no repair.
    const bool is_relieved =
        facts_ && target_.is_last && target_.is_reached && target_.takes_traffic;
    if (is_relieved) return;
    std::vector<std::int64_t> done{candidate()};
    for (const model::TrafficLeg& leg : view_.app.traffic.legs) {
      if (std::find(done.begin(), done.end(), leg.revision) != done.end()) continue;
      done.push_back(leg.revision);
      ensure_running(leg.revision, {});
    }
  }

  void ensure_running(std::int64_t revision, const std::string& deployment_id) {
    const std::vector<const ObservedInstance*> live = instances_.live(revision);
    const int count = wanted(revision);
    for (int i = 0; i < std::min(count, int(live.size())); ++i) {
      const ObservedInstance& kept = *live[std::size_t(i)];
      if (!kept.in_engine)
        plan_.steps.push_back(StartInstance{.revision = revision,
                                            .instance_id = kept.instance.id,
                                            .deployment_id = deployment_id,
                                            .restarts = kept.instance.restarts});
    }
    if (int(live.size()) >= count) return;
    int restarts = 0;
    if (const model::Instance* ended = instances_.newest_ended(revision)) {
      const bool was_stable =
          ended->changed_at - ended->started_at >= kStableRun.count() && ended->started_at != 0;
      const int short_runs = was_stable ? 0 : ended->restarts;
      const UnixMillis due = ended->changed_at + restart_delay(short_runs).count();
      // One that ended in the future tells of a clock that was set back, not of a wait.
      if (ended->changed_at <= now_ && now_ < due) return look_again(due);
      restarts = short_runs + 1;
    }
    for (int copy = 0; copy < count - int(live.size()); ++copy)
      plan_.steps.push_back(StartInstance{.revision = revision,
                                          .instance_id = {},
                                          .deployment_id = deployment_id,
                                          .restarts = restarts,
                                          .copy = copy});
  }

  bool is_wanted(const ObservedInstance& seen) const {
    if (!seen.has_row) return false;
    const auto live = instances_.live(seen.instance.revision);
    const auto place = std::find(live.begin(), live.end(), &seen);
    return place != live.end() && place - live.begin() < wanted(seen.instance.revision);
  }

  void stop_unwanted() {
    for (const ObservedInstance& seen : view_.instances) {
      const model::Instance& instance = seen.instance;
      if (!seen.in_engine || !is_live(instance) || is_wanted(seen) || makes_room(seen)) continue;
      if (seen.has_row && wanted(instance.revision) == 0 && is_warm(instance.revision)) continue;
      // One that was never ready never had traffic.
      const bool is_unused = instance.phase == InstancePhase::Starting || !seen.has_row;
      const bool is_free = !instances_.is_routed(instance.address) && is_settled_;
      if (is_unused || is_free)
        plan_.steps.push_back(StopInstance{instance.id});
      else
        await_edges(patience_ends());
    }
  }

  void remove_ended() {
    for (const ObservedInstance& seen : view_.instances) {
      const model::Instance& instance = seen.instance;
      const bool was_never_started = !seen.in_engine && is_live(instance) && !is_wanted(seen);
      if (!has_ended(instance) && !was_never_started) continue;
      // The last one of a revision that must run is the memory of its back-off.
      const bool is_memory =
          seen.has_row &&
          int(instances_.live(instance.revision).size()) < wanted(instance.revision) &&
          instances_.newest_ended(instance.revision) == &instance;
      if (!is_memory) plan_.steps.push_back(RemoveInstance{instance.id});
    }
  }

  // --------------------------------------------------------------------------------------- route

  void route() { publish(facts_ ? traffic_meanwhile(*facts_, target_) : view_.app.traffic); }

  void publish(const model::Traffic& traffic) {
    // While a revision lacks instances, none of another that serves is taken out.
    const bool is_short =
        std::any_of(traffic.legs.begin(), traffic.legs.end(), [&](const model::TrafficLeg& leg) {
          return leg.weight_permille > 0 &&
                 instances_.ready_count(leg.revision) < wanted(leg.revision);
        });
    std::vector<model::RouteLeg> legs;
    for (const model::TrafficLeg& wanted_leg : traffic.legs) {
      model::RouteLeg leg{.revision = wanted_leg.revision,
                          .weight_permille = wanted_leg.weight_permille,
                          .tag = wanted_leg.tag,
                          .addresses = {}};
      // A leg without addresses tells the edge that the app exists and nothing is ready.
      for (const ObservedInstance* seen : instances_.ready(
               leg.revision, is_short ? view_.instances.size() : std::size_t(wanted(leg.revision))))
        if (is_wanted(*seen) || instances_.is_routed(seen->instance.address))
          leg.addresses.push_back(seen->instance.address);
      legs.push_back(std::move(leg));
    }
    const model::Route& known = view_.route.route;
    model::Routing routing = routing_beside(view_.app, legs);
    if (!same_legs(legs, known.legs) || known.routing != routing ||
        (!legs.empty() && known.sticky != traffic.sticky)) {
      const bool is_moving = facts_ && target_.weight > 0 && facts_->ready > 0;
      plan_.steps.push_back(PublishRoute{.legs = std::move(legs),
                                         .sticky = traffic.sticky,
                                         .routing = std::move(routing),
                                         .deployment_id = is_moving ? current_->id : ""});
      is_settled_ = false;
      return;
    }
    is_settled_ = view_.edges_applied || now_ >= patience_ends();
  }

  // ------------------------------------------------------------------------------------ deletion

  void delete_app() {
    for (const model::Deployment& open : view_.open_deployments)
      fail(open, model::make_failure(Cause::AppDeleted, "the app is being deleted"));
    if (!view_.engine_seen) return;
    publish({});
    stop_unwanted();
    remove_ended();
    if (plan_.steps.empty() && view_.instances.empty() && is_settled_)
      plan_.steps.push_back(RemoveApp{view_.app.id});
    else if (!is_settled_)
      await_edges(patience_ends());
  }

  // -------------------------------------------------------------------------------------- helpers

  // The revision on trial, 0 when there is none.
  std::int64_t candidate() const { return current_ == nullptr ? 0 : current_->revision; }

  UnixMillis patience_ends() const {
    return (view_.traffic_lags ? now_ : view_.route.changed_at) + kSilentEdgeWait.count();
  }

  void look_again(UnixMillis at) {
    if (!plan_.look_again_at || at < *plan_.look_again_at) plan_.look_again_at = at;
  }

  void await_edges(UnixMillis until) {
    if (is_settled_) return;
    plan_.awaits_edges = true;
    look_again(until);
  }

  const AppView& view_;
  const UnixMillis now_;
  const InstanceSet instances_;
  const model::Deployment* current_ = nullptr;  // the newest open deployment
  std::optional<RolloutFacts> facts_;           // of the current deployment, with its revision
  RolloutTarget target_{.instances = 0};
  bool is_settled_ = false;  // the route is as planned and in force everywhere
  Plan plan_;
};

}  // namespace

Plan plan(const AppView& view, UnixMillis now) { return Planning(view, now).run(); }

}  // namespace pixell::reconcile
