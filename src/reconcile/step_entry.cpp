#include "reconcile/step_entry.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace pixell::reconcile {

namespace {

// Makes the entry of each kind of step; the kind is put in front of the key by the caller.
struct EntryOf {
  const std::string& app_id;

  struct Entry {
    std::string key;
    std::string deployment_id{};
    nlohmann::json detail = nlohmann::json::object();
  };

  Entry operator()(const ImportPackage& s) const { return {s.deployment_id, s.deployment_id}; }
  Entry operator()(const CreateRevision& s) const { return {s.deployment_id, s.deployment_id}; }
  Entry operator()(const StartInstance& s) const {
    return {.key = fmt::format("{}/{}/{}", app_id, s.revision, s.instance_id),
            .deployment_id = s.deployment_id,
            .detail = {{"revision", s.revision}, {"restarts", s.restarts}}};
  }
  Entry operator()(const PublishRoute& s) const {
    Entry entry{.key = app_id, .deployment_id = s.deployment_id};
    for (const model::RouteLeg& leg : s.legs)
      entry.detail["legs"].push_back({{"revision", leg.revision},
                                      {"weight_permille", leg.weight_permille},
                                      {"targets", leg.addresses.size()}});
    return entry;
  }
  Entry operator()(const AdvanceRollout& s) const {
    return {
        .key = s.deployment_id, .deployment_id = s.deployment_id, .detail = {{"stage", s.stage}}};
  }
  Entry operator()(const RemoveApp& s) const { return {s.app_id}; }
  Entry operator()(const ScaleApp& s) const {
    Entry entry{.key = s.app_id};
    if (!s.order) return entry;
    entry.detail = {{"scaling", model::to_json(s.order->scaling)},
                    {"revision", s.order->revision},
                    {"suspended", s.order->is_suspended}};
    return entry;
  }
  Entry operator()(const StopInstance& s) const { return {s.instance_id}; }
  Entry operator()(const RemoveInstance& s) const { return {s.instance_id}; }
  Entry operator()(const CompleteDeployment& s) const { return {s.deployment_id, s.deployment_id}; }
  Entry operator()(const FailDeployment& s) const {
    return {.key = s.deployment_id,
            .deployment_id = s.deployment_id,
            .detail = {{"cause", to_string(s.failure.cause)}}};
  }
};

}  // namespace

JournalEntry entry_of(const std::string& app_id, const Step& step) {
  auto entry = std::visit(EntryOf{app_id}, step);
  return {.key = std::move(entry.key),
          .deployment_id = std::move(entry.deployment_id),
          .detail = entry.detail.dump()};
}

}  // namespace pixell::reconcile
