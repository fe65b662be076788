#include "engine/fake/fake_scaler.hpp"

namespace pixell::engine {

Result<void> FakeScaler::scale_app(std::string_view app_id,
                                   const std::optional<model::ScalingOrder>& order, int instances) {
  {
    const std::lock_guard lock(mutex_);
    const std::string id(app_id);
    const auto known = reports_.find(id);
    const int number = known == reports_.end() ? instances : known->second.instances;
    if (order)
      reports_.insert_or_assign(
          id, model::ScalingReport{.order = *order,
                                   .instances = model::within(order->scaling, number)});
    else
      reports_.erase(id);
  }
  on_change_();
  return {};
}

Result<std::optional<model::ScalingReport>> FakeScaler::scaling_of(std::string_view app_id) {
  const std::lock_guard lock(mutex_);
  const auto found = reports_.find(std::string(app_id));
  return found == reports_.end() ? std::nullopt : std::optional(found->second);
}

Result<std::map<std::string, model::ScalingReport>> FakeScaler::scalings() {
  const std::lock_guard lock(mutex_);
  return reports_;
}

void FakeScaler::want(const std::string& app_id, int instances) {
  {
    const std::lock_guard lock(mutex_);
    reports_.at(app_id).instances = instances;
  }
  on_change_();
}

}  // namespace pixell::engine
