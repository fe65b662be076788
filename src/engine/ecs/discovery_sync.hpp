#pragma once

#include <stop_token>
#include <string>

#include "engine/ecs/service_sync.hpp"

namespace pixell::engine::ecs {

/// What was done to an app's service in Cloud Map.
struct DiscoveryChange {
  std::string service;  ///< its id
  int registered = 0;
  int deregistered = 0;
};

/// Tells Cloud Map which tasks of an app are running and healthy, of both slots, for those who ask
/// by its API (DiscoverInstances). There are no DNS records: their life is longer than a task's
/// end. Only a mirror; our own edge does not look there.
class DiscoverySync {
 public:
  /// `aws` and `journal` outlive this; the settings name a namespace, which is there.
  DiscoverySync(aws::Services& aws, Journal& journal, Settings settings, Names names)
      : aws_(aws), journal_(journal), settings_(std::move(settings)), names_(std::move(names)) {}

  /// Looks first and changes what differs. Cloud Map does it later: what failed there is done again
  /// by the next call. Errors as ServiceSync::ensure; of the aim only app and lane matter.
  Result<DiscoveryChange> mirror(const Aim& aim, std::stop_token stop = {});

 private:
  aws::Services& aws_;
  Journal& journal_;
  const Settings settings_;
  const Names names_;
};

}  // namespace pixell::engine::ecs
