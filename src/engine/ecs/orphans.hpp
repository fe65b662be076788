#pragma once

#include <functional>
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
};

/// What a collection did.
struct Collected {
  std::vector<std::string> removed;  ///< ids of apps of which nothing is left
  std::vector<std::string> waiting;  ///< apps of which something is left: ask again
  std::vector<std::string> failed;   ///< apps that could not be removed, and why
};

/// Finds what of this installation is left over: of apps that are gone, and rules and target groups
/// that apps have replaced; removes that of apps that are gone. Only what carries the
/// installation's tag and a name of ours counts; what others made, and what has no tags, is neither
/// told nor touched. For one thread; blocks, with many calls of the slowest lane.
class Orphans {
 public:
  /// Asked before each removal, and before each change of it once more.
  struct InUse {
    std::function<Result<bool>(const std::string& app_id)> is_live;
    /// The app's place; none when it has none, or nobody knows: then its rules are not judged.
    std::function<Result<std::optional<model::RulePlace>>(const std::string& app_id)> place;
  };

  Orphans(AppRemoval::Parts parts, Settings settings, Names names, InUse in_use)
      : in_use_(std::move(in_use)),
        journal_(parts.journal, in_use_),
        parts_{.aws = parts.aws, .journal = journal_, .clock = parts.clock},
        settings_(settings),
        names_(names),
        removal_(parts_, std::move(settings), std::move(names)) {}
  Orphans(const Orphans&) = delete;
  Orphans& operator=(const Orphans&) = delete;

  /// What is left over, by app. Changes nothing.
  Result<std::vector<Orphan>> list(std::stop_token stop = {});

  /// Removes what apps that are gone have left over, as far as it goes without waiting; nothing of
  /// an app that is there, also when it came while its leftovers were being removed. An app that
  /// fails does not keep others from being collected; an error is one of the listing, or of asking
  /// whether an app is there.
  Result<Collected> collect(std::stop_token stop = {});

 private:
  /// Refuses each change of an app that came back.
  class GuardedJournal final : public Journal {
   public:
    GuardedJournal(Journal& kept, const InUse& in_use) : kept_(kept), in_use_(in_use) {}
    Result<void> begin(const Step& step) override;
    Result<void> end(const Step& step, const std::string& result) override {
      return kept_.end(step, result);
    }
    Result<std::vector<Step>> open(const std::string& app_id) override {
      return kept_.open(app_id);
    }

   private:
    Journal& kept_;
    const InUse& in_use_;
  };

  Result<Removed> remove_app(const std::vector<Orphan>& orphans, const std::stop_token& stop);

  const InUse in_use_;
  GuardedJournal journal_;
  const AppRemoval::Parts parts_;
  const Settings settings_;
  const Names names_;
  AppRemoval removal_;
};

}  // namespace pixell::engine::ecs
