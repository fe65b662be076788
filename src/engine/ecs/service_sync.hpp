#pragma once

#include <stop_token>
#include <string>

#include "aws/services.hpp"
#include "base/result.hpp"
#include "engine/ecs/journal.hpp"
#include "engine/ecs/names.hpp"
#include "engine/ecs/settings.hpp"
#include "engine/instance_spec.hpp"

namespace pixell::engine::ecs {

/// What one slot of an app should be.
struct Aim {
  InstanceSpec spec;  ///< the revision; its instance id does not matter
  Slot slot = Slot::A;
  int tasks = 1;
  /// With Routing::Alb: this priority and the next are the app's in the listener, which is one of
  /// the settings' (empty = the first). Who gives them out sees to it that no two apps have the
  /// same, and that an app stays where it is.
  int rule_priority = 0;
  std::string listener{};
  aws::Lane lane = aws::Lane::Deploy;
};

/// What the slot is, once it was brought there.
struct ServicePlace {
  std::string service;          ///< ARN
  std::string task_definition;  ///< ARN with its revision
  std::string secret;           ///< ARN; empty without deploy-time values
  /// A target group is being replaced: the new one has no healthy target yet, or the old one is
  /// still in use. Ask again.
  bool is_switching = false;
};

/// Makes the resources of an app's slot what they should be: secret, log group, task definition,
/// with Routing::Alb target groups and rules, then the service. Looks first and changes what
/// differs, so that after any failure, and after a crash, the same call goes on; what is there
/// already is adopted if it has our tags, and refused with the remedy if it has not. Each change is
/// recorded in the journal before it is made. Safe from several threads for different apps; blocks.
class ServiceSync {
 public:
  /// `aws` and `journal` outlive this.
  ServiceSync(aws::Services& aws, Journal& journal, Settings settings, Names names)
      : aws_(aws), journal_(journal), settings_(std::move(settings)), names_(std::move(names)) {}

  /// Retry::Later where the same call may succeed after a while, FailedPrecondition where somebody
  /// has to do what the error says.
  Result<ServicePlace> ensure(const Aim& aim, std::stop_token stop = {});

 private:
  aws::Services& aws_;
  Journal& journal_;
  const Settings settings_;
  const Names names_;
};

}  // namespace pixell::engine::ecs
