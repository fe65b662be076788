#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "engine/scaler.hpp"

namespace pixell::engine {

/// Remembers what it is told, and wants what a test says.
class FakeScaler final : public Scaler {
 public:
  /// `on_change` is called after each change, without a lock.
  explicit FakeScaler(std::function<void()> on_change) : on_change_(std::move(on_change)) {}

  Result<void> scale_app(std::string_view app_id, const std::optional<model::ScalingOrder>& order,
                         int instances) override;
  Result<std::optional<model::ScalingReport>> scaling_of(std::string_view app_id) override;
  Result<std::map<std::string, model::ScalingReport>> scalings() override;

  /// From now on it wants so many instances of an app that it scales.
  void want(const std::string& app_id, int instances);

 private:
  const std::function<void()> on_change_;
  std::mutex mutex_;  // guards what follows
  std::map<std::string, model::ScalingReport> reports_;
};

}  // namespace pixell::engine
