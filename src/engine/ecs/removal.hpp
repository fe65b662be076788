#pragma once

#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>

#include "aws/services.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "engine/ecs/journal.hpp"
#include "engine/ecs/names.hpp"
#include "engine/ecs/settings.hpp"

namespace pixell::engine::ecs {

struct Work;

/// How far a removal is.
struct Removed {
  bool is_done = false;
  std::string waits_for;  ///< what is not gone yet, for an operator; empty when done
};

/// Brings what an app has in AWS to gone, in the order in which nothing is cut off: no new requests
/// (rules, Cloud Map), no tasks, then services, target groups, the service of Cloud Map, task
/// definitions and the secret. The log group is shared and stays. Never waits for AWS: what takes
/// its time is told, and the same call goes on later, also after a failure or a crash. Looks first;
/// what has not our tags is never changed. Each change is recorded in the journal before it is
/// made. Safe from several threads for different apps; blocks for the calls.
class AppRemoval {
 public:
  /// What it works with; all outlive it.
  struct Parts {
    aws::Services& aws;
    Journal& journal;
    const Clock& clock;
  };

  AppRemoval(Parts parts, Settings settings, Names names)
      : parts_(parts), settings_(std::move(settings)), names_(std::move(names)) {}

  /// All of an app, which nobody ensures any more. Retry::Later where the same call may succeed
  /// after a while; FailedPrecondition when a name of ours has what others made, with the remedy.
  /// An app of which nothing is there is done.
  Result<Removed> remove(std::string_view app_id, std::stop_token stop = {});

 private:
  /// What a service is waited for since, by name: after kDrainDeadline it goes by force. Begins
  /// anew with the process.
  bool is_late(const std::string& service);
  void forget(const std::string& service);

  Result<Removed> end_service(const Work& work, Slot slot);

  const Parts parts_;
  const Settings settings_;
  const Names names_;
  std::mutex mutex_;  // guards draining_since_
  std::map<std::string, Instant> draining_since_;
};

}  // namespace pixell::engine::ecs
