#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace pixell::engine::ecs {

/// A field that a change gives another value.
struct Difference {
  std::string field;   ///< "containerDefinitions[agent-runtime].image"
  std::string is;      ///< empty: it is not there
  std::string wanted;  ///< empty: it is taken away
  bool operator==(const Difference&) const = default;
};

/// Which of the fields of `wanted` are otherwise in `is`, for people to read; fields that only `is`
/// has do not count. Lists have no order, and their objects are known by their names. Numbers are
/// as good as their texts, which is what services that speak XML answer.
std::vector<Difference> differences(const nlohmann::json& is, const nlohmann::json& wanted);

}  // namespace pixell::engine::ecs
