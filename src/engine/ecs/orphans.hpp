#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/ecs/removal.hpp"
#include "model/rule_place.hpp"

namespace pixell::engine::ecs {

/// A resource that nobody needs any more.
struct Orphan {
  std::string kind;          ///< "service", "task definition", "target group", "rule", …
  std::string resource;      ///< its ARN
  std::string app_id;        ///< whose it was
  bool is_app_gone = false;  ///< else the app is there, and does not use this any more
  Millis known_for{0};       ///< since it was first seen so by this process
};

/// What a collection did.
struct Collected {
  std::vector<std::string> removed;  ///< ids of apps of which nothing is left, and ARNs
  std::vector<std::string> waiting;  ///< apps of which something is left: ask again
  std::vector<std::string> failed;   ///< what could not be removed, and why
};

/// Finds and removes what of this installation is left over: of apps that are gone, and rules and
/// target groups that were replaced. Only what carries the installation's tag and a name of ours
/// counts; what others made, and what has no tags, is neither told nor touched. AWS does not say
/// when rules and target groups were made, so that age is counted here, from the first look that
/// found them left over. Safe from several threads; blocks, with many calls of the slowest lane.
class Orphans {
 public:
  /// Asked before each removal once more.
  struct InUse {
    std::function<Result<bool>(const std::string& app_id)> is_live;
    /// The app's place; none when it has none, and then its rules are left alone.
    std::function<Result<std::optional<model::RulePlace>>(const std::string& app_id)> place;
  };

  Orphans(AppRemoval::Parts parts, Settings settings, Names names)
      : parts_(parts),
        settings_(settings),
        names_(names),
        removal_(parts, std::move(settings), std::move(names)) {}

  /// What is left over, by app. Changes nothing.
  Result<std::vector<Orphan>> list(const InUse& in_use, std::stop_token stop = {});

  /// Removes what is known to be left over for at least `age`. An app that fails does not keep
  /// others from being collected; an error is one of the listing.
  Result<Collected> collect(const InUse& in_use, Millis age, std::stop_token stop = {});

 private:
  void count_age(std::vector<Orphan>& orphans);
  void remove_app(const std::vector<Orphan>& orphans, std::stop_token stop, Collected& collected);
  void remove_one(const Orphan& orphan, std::stop_token stop, Collected& collected);

  const AppRemoval::Parts parts_;
  const Settings settings_;
  const Names names_;
  AppRemoval removal_;
  std::mutex mutex_;  // guards first_seen_
  std::map<std::string, Instant> first_seen_;
};

}  // namespace pixell::engine::ecs
