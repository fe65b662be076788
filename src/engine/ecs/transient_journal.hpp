#pragma once

#include <string>
#include <vector>

#include "engine/ecs/journal.hpp"

namespace pixell::engine::ecs {

/// A journal that ends with its process: for a plan, which changes nothing, and for a removal that
/// finds by tags what another one left. For one thread.
class TransientJournal final : public Journal {
 public:
  Result<void> begin(const Step& step) override;
  Result<void> end(const Step& step, const std::string& result) override;
  Result<std::vector<Step>> open(const std::string& app_id) override;

 private:
  std::vector<Step> open_;
};

}  // namespace pixell::engine::ecs
