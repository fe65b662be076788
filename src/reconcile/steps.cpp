#include "reconcile/steps.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace pixell::reconcile {

std::string_view name_of(const Step& step) {
  struct Names {
    std::string_view operator()(const ImportPackage&) const { return "import_package"; }
    std::string_view operator()(const CreateRevision&) const { return "create_revision"; }
    std::string_view operator()(const StartInstance&) const { return "start_instance"; }
    std::string_view operator()(const PublishRoute&) const { return "publish_route"; }
    std::string_view operator()(const AdvanceRollout&) const { return "advance_rollout"; }
    std::string_view operator()(const StopInstance&) const { return "stop_instance"; }
    std::string_view operator()(const RemoveInstance&) const { return "remove_instance"; }
    std::string_view operator()(const CompleteDeployment&) const { return "complete_deployment"; }
    std::string_view operator()(const FailDeployment&) const { return "fail_deployment"; }
    std::string_view operator()(const RemoveApp&) const { return "remove_app"; }
    std::string_view operator()(const ScaleApp&) const { return "scale_app"; }
  };
  return std::visit(Names{}, step);
}

std::string describe(const Step& step) {
  struct Subjects {
    std::string operator()(const ImportPackage& s) const { return s.deployment_id; }
    std::string operator()(const CreateRevision& s) const { return s.deployment_id; }
    std::string operator()(const StartInstance& s) const {
      const std::string copy = s.copy == 0 ? std::string() : fmt::format("#{}", s.copy);
      return fmt::format("{} {}{}", s.revision, s.instance_id, copy);
    }
    std::string operator()(const PublishRoute& s) const {
      std::string text;
      for (const model::RouteLeg& leg : s.legs) {
        text += fmt::format("{}={}", leg.revision, leg.weight_permille);
        if (!leg.tag.empty()) text += "@" + leg.tag;
        for (const std::string& address : leg.addresses) text += "," + address;
        text += ";";
      }
      if (s.routing != model::Routing()) text += model::to_json(s.routing).dump();
      return text;
    }
    std::string operator()(const AdvanceRollout& s) const {
      return fmt::format("{} {}", s.deployment_id, s.stage);
    }
    std::string operator()(const StopInstance& s) const { return s.instance_id; }
    std::string operator()(const RemoveInstance& s) const { return s.instance_id; }
    std::string operator()(const CompleteDeployment& s) const { return s.deployment_id; }
    std::string operator()(const FailDeployment& s) const {
      return fmt::format("{} {}", s.deployment_id, to_string(s.failure.cause));
    }
    std::string operator()(const RemoveApp& s) const { return s.app_id; }
    std::string operator()(const ScaleApp& s) const {
      if (!s.order) return "never";
      return fmt::format("{} {}{} from {}", s.order->revision,
                         model::to_json(s.order->scaling).dump(),
                         s.order->is_suspended ? " suspended" : "", s.instances);
    }
  };
  return fmt::format("{} {}", name_of(step), std::visit(Subjects{}, step));
}

}  // namespace pixell::reconcile
