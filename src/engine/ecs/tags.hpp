#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace pixell::engine::ecs {

// Tags of everything we make; what does not carry our installation is never touched.
inline constexpr const char* kInstallationTag = "pixell:installation";
inline constexpr const char* kAppTag = "pixell:app";
inline constexpr const char* kSlotTag = "pixell:slot";
inline constexpr const char* kRevisionTag = "pixell:revision";
/// Digest by which a task definition is known again.
inline constexpr const char* kDefinitionTag = "pixell:definition";
/// On a task: the instance that it is.
inline constexpr const char* kInstanceTag = "pixell:instance";

using Tags = std::map<std::string, std::string>;

/// As ECS writes them: [{"key", "value"}].
nlohmann::json ecs_tags(const Tags& tags);
/// As the other services do: [{"Key", "Value"}].
nlohmann::json other_tags(const Tags& tags);
/// Either, read; what is no list of tags is empty.
Tags read_tags(const nlohmann::json& list);

/// Whether a resource with these tags is of this installation and app.
bool is_ours(const Tags& tags, const std::string& installation, const std::string& app_id);

}  // namespace pixell::engine::ecs
