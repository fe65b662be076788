#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "aws/services.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "engine/ecs/journal.hpp"
#include "engine/ecs/listener_addresses.hpp"
#include "engine/ecs/names.hpp"
#include "engine/ecs/rule_placer.hpp"
#include "engine/ecs/settings.hpp"
#include "engine/traffic_mover.hpp"
#include "model/routes.hpp"

namespace pixell::engine::ecs {

struct Work;

/// Moves traffic between the slots of apps as the store's routes say, by the weights of both rules
/// of an app: what an edge does for its own connections. A weight never goes to a target group
/// without a healthy target; until it has one the app is held where it is. Apps whose shares are
/// what they were cost no call, but for a look now and then that repairs weights others changed.
/// The rules of an app that has no route any more are deleted, if it had one since this was made.
/// What a load balancer cannot do is not done: tags, stickiness, mirrors, hosts, legacy targets.
/// follow() from one thread, the rest from any; blocks for the calls.
class AlbTraffic final : public TrafficMover {
 public:
  /// What it works with; all outlive it.
  struct Parts {
    aws::Services& aws;
    Journal& journal;
    RuleBook& book;
    const Clock& clock;
    Log log{};
  };

  AlbTraffic(Parts parts, Settings settings, Names names)
      : parts_(parts),
        settings_(std::move(settings)),
        names_(std::move(names)),
        addresses_(parts.aws, parts.clock, parts.log) {}

  /// An error is one of the book.
  Result<std::vector<HeldTraffic>> follow(const model::RouteSnapshot& snapshot,
                                          std::stop_token stop) override;

  /// The generation of the snapshot that was followed last; 0 before any.
  std::int64_t generation() const;

  bool lags_behind(std::string_view app_id, std::int64_t generation) const override;

  Result<std::optional<model::BalancerView>> view_of(const std::string& app_id) const override;

 private:
  using Shares = std::map<std::int64_t, int>;                        // per mille, by revision
  using Rules = std::map<std::string, std::vector<nlohmann::json>>;  // by listener
  struct Known {
    Shares shares{};
    std::optional<Instant> looked_at{};  // when AWS had these
  };
  struct Lag {
    std::int64_t generation = 0;  // of the last route in force
    Instant since{};
  };

  bool is_due(const std::string& app_id, const Shares& shares) const;
  /// Nothing when the shares are in force now; else why they are not.
  Result<std::string> bring(const model::RulePlace& place, const Shares& shares, Rules& rules,
                            const std::stop_token& stop);
  void note(const std::string& app_id, const Shares& shares, const std::string& held);
  void finish(std::int64_t generation, const std::map<std::string, Shares>& wanted);
  std::vector<HeldTraffic> held_ones() const;

  const Parts parts_;
  const Settings settings_;
  const Names names_;
  std::map<std::string, Known> known_{};  // of follow()'s thread alone
  ListenerAddresses addresses_;

  mutable std::mutex mutex_;  // guards what follows
  std::int64_t generation_ = 0;
  std::map<std::string, Lag, std::less<>> lags_{};
  std::map<std::string, std::string> held_{};  // why, by app
};

}  // namespace pixell::engine::ecs
