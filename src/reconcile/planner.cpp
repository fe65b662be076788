#include "reconcile/planner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "reconcile/limits.hpp"

namespace pixell::reconcile {

namespace {

using model::Cause;
using model::InstancePhase;

bool has_ended(const model::Instance& instance) {
  return instance.phase == InstancePhase::Stopped || instance.phase == InstancePhase::Failed;
}

bool is_live(const model::Instance& instance) {
  return instance.phase == InstancePhase::Starting || instance.phase == InstancePhase::Ready;
}

bool same_legs(const std::vector<model::RouteLeg>& a, const std::vector<model::RouteLeg>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const model::RouteLeg& x, const model::RouteLeg& y) {
                      return std::tie(x.revision, x.weight_permille, x.tag, x.addresses) ==
                             std::tie(y.revision, y.weight_permille, y.tag, y.addresses);
                    });
}

bool contains(const std::vector<model::RouteLeg>& legs, const std::string& address) {
  return std::any_of(legs.begin(), legs.end(), [&](const model::RouteLeg& leg) {
    return std::find(leg.addresses.begin(), leg.addresses.end(), address) != leg.addresses.end();
  });
}

// Why an instance ended: par's own word, else what the engine saw.
model::Failure failure_of(const model::Instance& instance) {
  if (instance.boot_report && instance.boot_report->failure) return *instance.boot_report->failure;
  if (instance.exit_signal != 0)
    return model::make_failure(
        Cause::Signalled, fmt::format("the instance was ended by signal {}", instance.exit_signal));
  return model::make_failure(Cause::Exited,
                             fmt::format("the instance ended with code {}", instance.exit_code));
}

model::Failure overdue(const model::Deployment& deployment) {
  std::string step = "waiting";
  for (const model::DeploymentStep& candidate : deployment.steps)
    if (candidate.state == model::StepState::Processing) step = candidate.name;
  return model::make_failure(Cause::DeadlineExceeded,
                             fmt::format("the deployment did not finish within {} s",
                                         (deployment.deadline - deployment.created_at) / 1'000),
                             {fmt::format("it was at: {}", step)});
}

// One planning of one app; the members are what the parts of the decision share.
class Planning {
 public:
  Planning(const AppView& view, UnixMillis now) : view_(view), now_(now) {}

  Plan run() {
    if (supersede_older()) return std::move(plan_);
    if (current_ != nullptr && now_ >= current_->deadline) {
      end_overdue();
      return std::move(plan_);
    }
    if (current_ != nullptr) look_again(current_->deadline);
    if (view_.engine_seen) {
      if (fail_when_ended()) return std::move(plan_);
      run_wanted();
      route();
      stop_unwanted();
      remove_ended();
    }
    make_revision();
    return std::move(plan_);
  }

 private:
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
      if (has_traffic(older)) {
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

  void end_overdue() {
    if (has_traffic(*current_))
      complete(*current_);
    else
      fail(*current_, overdue(*current_));
  }

  bool has_traffic(const model::Deployment& deployment) const {
    return deployment.revision != 0 && is_ready(deployment.revision) &&
           contains(view_.route.route.legs, keeper(deployment.revision)->instance.address);
  }

  // The revision on trial dies: its deployment has failed, whatever phase it was in.
  bool fail_when_ended() {
    if (candidate() == 0 || keeper(candidate()) != nullptr) return false;
    const model::Instance* ended = newest_ended(candidate());
    if (ended == nullptr) return false;
    fail(*current_, failure_of(*ended));
    return true;
  }

  void run_wanted() {
    const std::int64_t wanted = desired();
    if (candidate() != 0) ensure_running(candidate(), current_->id);
    // The old revision needs no repair once the new one can take its traffic.
    const bool is_relieved = candidate() != 0 && is_ready(candidate());
    if (wanted != 0 && wanted != candidate() && !is_relieved) ensure_running(wanted, {});
  }

  void ensure_running(std::int64_t revision, const std::string& deployment_id) {
    if (const ObservedInstance* kept = keeper(revision)) {
      if (!kept->in_engine)
        plan_.steps.push_back(StartInstance{.revision = revision,
                                            .instance_id = kept->instance.id,
                                            .deployment_id = deployment_id,
                                            .restarts = kept->instance.restarts});
      return;
    }
    int restarts = 0;
    if (const model::Instance* ended = newest_ended(revision)) {
      const bool was_stable =
          ended->changed_at - ended->started_at >= kStableRun.count() && ended->started_at != 0;
      const int short_runs = was_stable ? 0 : ended->restarts;
      const UnixMillis due = ended->changed_at + restart_delay(short_runs).count();
      if (now_ < due) return look_again(due);
      restarts = short_runs + 1;
    }
    plan_.steps.push_back(StartInstance{.revision = revision,
                                        .instance_id = {},
                                        .deployment_id = deployment_id,
                                        .restarts = restarts});
  }

  static Millis restart_delay(int short_runs) {
    if (short_runs == 0) return Millis(0);
    Millis delay = kRestartBackoff;
    for (int i = 1; i < short_runs && delay < kMaxRestartBackoff; ++i) delay *= 2;
    return std::min(delay, kMaxRestartBackoff);
  }

  void route() {
    const std::int64_t wanted = desired();
    std::vector<model::RouteLeg> legs;
    const std::int64_t serving = candidate() != 0 && is_ready(candidate()) ? candidate()
                                 : wanted != 0                             ? wanted
                                                                           : candidate();
    // A leg without addresses tells the edge that the app exists and nothing is ready.
    if (serving != 0)
      legs.push_back({.revision = serving, .weight_permille = 1000, .tag = {}, .addresses = {}});
    if (serving != 0 && is_ready(serving))
      legs.front().addresses.push_back(keeper(serving)->instance.address);

    const bool is_moving = candidate() != 0 && serving == candidate() && is_ready(serving);
    if (!same_legs(legs, view_.route.route.legs)) {
      plan_.steps.push_back(
          PublishRoute{.legs = std::move(legs), .deployment_id = is_moving ? current_->id : ""});
      is_settled_ = false;
      return;
    }
    const UnixMillis patience_ends = view_.route.changed_at + kSilentEdgeWait.count();
    is_settled_ = view_.edges_applied || now_ >= patience_ends;
    if (is_moving && is_settled_) complete(*current_);
    if (is_moving && !is_settled_) await_edges(patience_ends);
  }

  void stop_unwanted() {
    for (const ObservedInstance& seen : view_.instances) {
      const model::Instance& instance = seen.instance;
      if (!seen.in_engine || !is_live(instance) || is_wanted(seen)) continue;
      // One that was never ready never had traffic.
      const bool is_unused = instance.phase == InstancePhase::Starting || !seen.has_row;
      const bool is_free = !contains(view_.route.route.legs, instance.address) && is_settled_;
      if (is_unused || is_free)
        plan_.steps.push_back(StopInstance{instance.id});
      else
        await_edges(view_.route.changed_at + kSilentEdgeWait.count());
    }
  }

  void remove_ended() {
    for (const ObservedInstance& seen : view_.instances) {
      const model::Instance& instance = seen.instance;
      const bool was_never_started = !seen.in_engine && is_live(instance) && !is_wanted(seen);
      if (!has_ended(instance) && !was_never_started) continue;
      // The last one of a revision that must run is the memory of its back-off.
      const bool is_memory = seen.has_row && instance.revision == desired() &&
                             keeper(instance.revision) == nullptr &&
                             newest_ended(instance.revision) == &instance;
      if (!is_memory) plan_.steps.push_back(RemoveInstance{instance.id});
    }
  }

  void make_revision() {
    if (current_ == nullptr || current_->revision != 0) return;
    if (current_->package_sha256.empty())
      plan_.steps.push_back(ImportPackage{current_->id});
    else
      plan_.steps.push_back(CreateRevision{current_->id});
  }

  void complete(const model::Deployment& deployment) {
    plan_.steps.push_back(
        CompleteDeployment{deployment.id, model::all_to(view_.app.traffic, deployment.revision)});
  }

  void fail(const model::Deployment& deployment, model::Failure failure) {
    plan_.steps.push_back(
        FailDeployment{.deployment_id = deployment.id, .failure = std::move(failure)});
  }

  std::int64_t desired() const { return model::leading_revision(view_.app.traffic); }
  // The revision on trial, 0 when there is none.
  std::int64_t candidate() const { return current_ == nullptr ? 0 : current_->revision; }

  // The one live instance of a revision that stays: a ready one before a starting one, one that
  // has traffic before one that has not, then the older one.
  const ObservedInstance* keeper(std::int64_t revision) const {
    const ObservedInstance* best = nullptr;
    const auto rank = [&](const ObservedInstance& seen) {
      return std::make_tuple(seen.instance.phase != InstancePhase::Ready,
                             !contains(view_.route.route.legs, seen.instance.address),
                             std::string_view(seen.instance.id));
    };
    for (const ObservedInstance& seen : view_.instances)
      if (seen.has_row && seen.instance.revision == revision && is_live(seen.instance) &&
          (best == nullptr || rank(seen) < rank(*best)))
        best = &seen;
    return best;
  }

  bool is_ready(std::int64_t revision) const {
    const ObservedInstance* kept = keeper(revision);
    return kept != nullptr && kept->instance.phase == InstancePhase::Ready;
  }

  const model::Instance* newest_ended(std::int64_t revision) const {
    const model::Instance* newest = nullptr;
    for (const ObservedInstance& seen : view_.instances)
      if (seen.has_row && seen.instance.revision == revision && has_ended(seen.instance) &&
          (newest == nullptr || newest->id < seen.instance.id))
        newest = &seen.instance;
    return newest;
  }

  bool is_wanted(const ObservedInstance& seen) const {
    const std::int64_t revision = seen.instance.revision;
    const bool is_wanted_revision =
        revision != 0 && (revision == desired() || revision == candidate());
    return seen.has_row && is_wanted_revision && keeper(revision) == &seen;
  }

  void look_again(UnixMillis at) {
    if (!plan_.look_again_at || at < *plan_.look_again_at) plan_.look_again_at = at;
  }

  void await_edges(UnixMillis until) {
    plan_.awaits_edges = true;
    look_again(until);
  }

  const AppView& view_;
  const UnixMillis now_;
  const model::Deployment* current_ = nullptr;  // the newest open deployment
  bool is_settled_ = false;                     // the route is as planned and in force everywhere
  Plan plan_;
};

}  // namespace

Plan plan(const AppView& view, UnixMillis now) { return Planning(view, now).run(); }

}  // namespace pixell::reconcile
