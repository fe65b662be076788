#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>
#include <vector>

#include "engine/ecs/service_sync.hpp"
#include "engine/ecs/tags.hpp"
#include "engine/ecs/task_definition.hpp"

// The steps of a sync, for service_sync.cpp and their own files. Each looks first, changes what
// differs and says what is there then.

namespace pixell::engine::ecs {

/// What all steps of one sync share; everything outlives it.
struct Work {
  aws::Services& aws;
  Journal& journal;
  const Settings& settings;
  const Names& names;
  const Aim& aim;
  std::stop_token stop;

  /// A call that changes nothing.
  aws::Answer<nlohmann::json> look(const char* service, const char* action,
                                   const nlohmann::json& parameters) const;

  /// A listing that changes nothing, until the last page or until `each` returns false.
  Result<void> pages(const char* service, const char* action, const nlohmann::json& parameters,
                     const std::function<bool(const nlohmann::json&)>& each) const;

  /// A call that changes something, recorded before and after.
  aws::Answer<nlohmann::json> change(const char* service, const char* action,
                                     const std::string& resource,
                                     const nlohmann::json& parameters) const;

  /// A step of this app.
  Step step(const char* service, const char* action, const std::string& resource) const;

  /// The listener of this app's rules.
  const std::string& listener() const;

  /// Tags of everything this app has, and of what belongs to the slot.
  Tags app_tags() const;
  Tags slot_tags() const;
};

/// An Answer as a Result.
template <class T>
Result<T> plain(aws::Answer<T> answer) {
  if (!answer) return aws::to_error(answer.error());
  if constexpr (std::is_void_v<T>)
    return {};
  else
    return std::move(*answer);
}

/// The text of a member; empty when there is none.
std::string text_at(const nlohmann::json& object, const char* name);
/// The list in a member; empty when there is none, or something else.
nlohmann::json list_at(const nlohmann::json& object, const char* name);

/// FailedPrecondition: the resource has not our tags.
Error foreign(const Work& work, const std::string& what, const char* variable);
/// The same for what was to be removed.
Error foreign_stays(const Work& work, const std::string& what);

/// The deploy-time values in Secrets Manager, in a version of the revision's own.
Result<SecretPlace> ensure_secret(const Work& work);

/// The log group of all tasks. One that is there stays as it is, whoever made it, unless a step
/// that is open in the journal began to make it.
Result<void> ensure_log_group(const Work& work);

/// The ARN of the revision's task definition: the family's latest if it is the same, or a new one.
Result<std::string> ensure_task_definition(const Work& work, const SecretPlace& secret);

/// The ARN of the target group of the slot and surface.
Result<std::string> ensure_target_group(const Work& work, Surface surface);

/// Sets how long a target group lets requests end. Done before a rule leads to it, so that it is
/// done even if the answer to its making was lost.
Result<void> shorten_drain(const Work& work, const std::string& target_group);

/// What the service shall register its tasks with, and what is not needed any more.
struct Forwarding {
  std::vector<std::string> in_use;
  std::vector<std::string> retired;
  bool is_switching = false;
};

/// The rule of a surface, which leads to the target groups of both slots. A new group gets the
/// weight of the one it replaces when it has a healthy target; the first of an app gets all, one of
/// a second slot none: who serves is not decided here.
Result<Forwarding> ensure_rule(const Work& work, Surface surface, const std::string& target_group);

/// Target group that tasks register with, and the port.
struct Attachment {
  std::string target_group;
  int port = 0;
};

/// The ARN of the service.
Result<std::string> ensure_service(const Work& work, const std::string& task_definition,
                                   const std::vector<Attachment>& attachments);

/// Deletes the target groups that a switch left over, of this sync and of those before. False when
/// one is still in use; its step stays open.
Result<bool> delete_retired(const Work& work, const std::vector<std::string>& in_use);

/// Deletes a target group that is in no rule. False when it is still in use; its step stays open.
Result<bool> delete_target_group(const Work& work, const std::string& arn);

/// Ends the steps that a failed call left open, but for target groups that have to go: what was
/// begun is done by now, if by another way, since its answer was lost or somebody was faster.
Result<void> close_steps(const Work& work);

/// The action whose step says that a target group has to go.
inline constexpr const char* kDeleteTargetGroup = "DeleteTargetGroup";

/// The id of the namespace of Cloud Map; empty when there is none, or none is set.
Result<std::string> find_namespace(const Work& work);

/// The app's service in the namespace as Cloud Map describes it, or null.
Result<nlohmann::json> find_discovery(const Work& work, const std::string& space);

/// Whether a service of Cloud Map has our tags.
Result<bool> is_our_discovery(const Work& work, const nlohmann::json& service);

/// Ids of a Cloud Map service's instances, each with its attributes.
Result<std::map<std::string, std::map<std::string, std::string>>> discovery_instances(
    const Work& work, const std::string& service);

/// Takes an instance back; one that is gone is success.
Result<void> deregister_task(const Work& work, const std::string& service, const std::string& id);

/// A task that is running and healthy.
struct RunningTask {
  std::string id;  ///< the last part of its ARN
  std::string address;
  std::string revision;  ///< of the app; empty when its definition is not tagged
  Slot slot = Slot::A;
};

/// Those of both slots.
Result<std::vector<RunningTask>> running_tasks(const Work& work);

}  // namespace pixell::engine::ecs
