#include "api/fields.hpp"

#include <fmt/format.h>

#include <cctype>
#include <nlohmann/json.hpp>

#include "api/limits.hpp"

namespace pixell::api {

namespace {

// Enough of a wrong value to recognise it.
std::string shown(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).substr(0, 80);
}

bool is_variable_name(std::string_view name) {
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0]))) return false;
  for (unsigned char c : name)
    if (!std::isalnum(c) && c != '_') return false;
  return true;
}

}  // namespace

const nlohmann::json* Fields::find(std::string_view name) const {
  const auto found = object_.find(name);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

std::string Fields::text(std::string_view name, bool is_required) {
  const nlohmann::json* value = find(name);
  if (value == nullptr) {
    if (is_required) add(fmt::format("{} is missing: it must be a non-empty text", name));
    return {};
  }
  if (!value->is_string() || (is_required && value->get_ref<const std::string&>().empty())) {
    add(fmt::format("{} must be a non-empty text, not {}", name, shown(*value)));
    return {};
  }
  return value->get<std::string>();
}

std::int64_t Fields::number(std::string_view name, std::int64_t fallback, std::int64_t least,
                            std::int64_t most) {
  const nlohmann::json* value = find(name);
  if (value == nullptr) return fallback;
  const bool is_in_range = value->is_number_integer() && value->get<double>() >= double(least) &&
                           value->get<double>() <= double(most);
  if (is_in_range) return value->get<std::int64_t>();
  add(fmt::format("{} must be a whole number from {} to {}, not {}", name, least, most,
                  shown(*value)));
  return fallback;
}

bool Fields::flag(std::string_view name, bool fallback) {
  const nlohmann::json* value = find(name);
  if (value == nullptr) return fallback;
  if (value->is_boolean()) return value->get<bool>();
  add(fmt::format("{} must be true or false, not {}", name, shown(*value)));
  return fallback;
}

std::map<std::string, std::string> Fields::environment(std::string_view name) {
  const nlohmann::json* value = find(name);
  if (value == nullptr) return {};
  return read_environment(*value, name, findings_);
}

model::LimitsAsked Fields::limits(std::string_view name) {
  const nlohmann::json* value = find(name);
  if (value == nullptr) return {};
  return read_limits(*value, name, findings_);
}

model::LimitsAsked read_limits(const nlohmann::json& object, std::string_view name,
                               std::vector<std::string>& findings) {
  model::LimitsAsked limits;
  if (!object.is_object()) {
    findings.push_back(
        fmt::format(R"({} must be an object of numbers, like {{"memory_mb":512}})", name));
    return limits;
  }
  for (const auto& [key, value] : object.items()) {
    if (!value.is_number())
      findings.push_back(fmt::format("{}.{} must be a number, not {}", name, key, shown(value)));
    else if (const auto set = model::set_limit(limits, key, value.get<double>()); !set)
      findings.push_back(
          fmt::format("{}.{} {}, not {}", name, key, set.error().message, shown(value)));
  }
  return limits;
}

std::map<std::string, std::string> read_environment(const nlohmann::json& object,
                                                    std::string_view name,
                                                    std::vector<std::string>& findings) {
  std::map<std::string, std::string> environment;
  if (!object.is_object()) {
    findings.push_back(
        fmt::format(R"({} must be an object of texts, like {{"KEY":"value"}})", name));
    return environment;
  }
  if (object.size() > kMaxEnvironmentEntries) {
    findings.push_back(fmt::format("{} has {} variables; at most {} are allowed", name,
                                   object.size(), kMaxEnvironmentEntries));
    return environment;
  }
  for (const auto& [key, value] : object.items()) {
    if (!is_variable_name(key)) {
      findings.push_back(fmt::format("{}: '{}' is not a variable name; use letters, digits and '_'",
                                     name, key.substr(0, 80)));
    } else if (!value.is_string()) {
      findings.push_back(fmt::format("{}.{} must be a text, not {}", name, key, value.type_name()));
    } else if (const auto& text = value.get_ref<const std::string&>();
               text.size() > kMaxEnvironmentValueBytes || text.find('\0') != std::string::npos) {
      findings.push_back(fmt::format("{}.{} is longer than {} bytes or holds a NUL byte", name, key,
                                     kMaxEnvironmentValueBytes));
    } else {
      environment[key] = text;
    }
  }
  return environment;
}

}  // namespace pixell::api
