#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/log.hpp"
#include "engine/ecs/rule_placer.hpp"
#include "reconcile/edge_acks.hpp"

namespace pixell::engine {
class TrafficMover;
struct HeldTraffic;
}  // namespace pixell::engine

namespace pixell::store {
class Store;
}

namespace pixell::cmd {

/// The places of apps' rules, in the store.
class StoreRuleBook final : public engine::ecs::RuleBook {
 public:
  /// `store` outlives this.
  explicit StoreRuleBook(store::Store& store) : store_(store) {}

  Result<std::optional<model::RulePlace>> find(const std::string& app_id) override;
  Result<model::RulePlace> place(const std::string& app_id,
                                 const model::RuleListener& listener) override;
  Result<std::vector<model::RulePlace>> all() override;

 private:
  store::Store& store_;
};

/// Lets an engine's traffic mover follow the routes of the store, in a thread, as an edge does. To
/// the reconciler it is one more of the edges: a route is in force only when it is there too.
class TrafficFollower final : public reconcile::EdgeAcks {
 public:
  /// What it works with; all outlive it.
  struct Parts {
    store::Store& store;
    reconcile::EdgeAcks& edges;
    engine::TrafficMover* mover;  ///< null = there are only edges
    Log log;
  };

  explicit TrafficFollower(const Parts& parts) : parts_(parts) {}
  ~TrafficFollower() override { stop(); }

  /// `moved` is called from the thread whenever routes may have come in force. Without a mover
  /// nothing is started.
  void start(std::function<void()> moved);
  /// Ends the thread, once the calls under way have ended.
  void stop();

  bool all_applied(std::string_view app_id, std::int64_t route_generation, UnixMillis now) override;
  bool lags_behind(std::string_view app_id, std::int64_t route_generation) override;

 private:
  struct Told {
    std::string why;
    bool is_overdue = false;
    bool operator==(const Told&) const = default;
  };

  void follow(const std::stop_token& stop);
  void tell(const std::vector<engine::HeldTraffic>& held);

  const Parts parts_;
  std::function<void()> moved_{};
  std::map<std::string, Told> told_{};  // of apps that are held, as it was logged last
  std::jthread thread_{};
};

}  // namespace pixell::cmd
