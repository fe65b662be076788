#include "api/fields.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <nlohmann/json.hpp>

#include "api/limits.hpp"
#include "model/bounded_json.hpp"

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

// A member's name as a JSON pointer has it (RFC 6901 section 3).
std::string escaped(std::string_view name) {
  std::string text;
  for (const char c : name) {
    if (c == '~')
      text += "~0";
    else if (c == '/')
      text += "~1";
    else
      text += c;
  }
  return text;
}

// The library's message without its own name in brackets.
std::string_view reason(std::string_view message) {
  const std::size_t end = message.find("] ");
  return end == std::string_view::npos ? message : message.substr(end + 2);
}

}  // namespace

OrReply<nlohmann::json> read_object(std::string_view text, std::string_view example) {
  auto parsed = model::parse_bounded(text, kMaxJsonDepth);
  std::string wrong;
  if (!parsed.wrong.empty())
    wrong =
        fmt::format("the body must be a JSON object, like {}: {}", example, reason(parsed.wrong));
  else if (parsed.is_too_deep)
    wrong = fmt::format("the body nests deeper than {} levels: make it flatter", kMaxJsonDepth);
  else if (!parsed.value.is_object())
    wrong = fmt::format("the body must be a JSON object, like {}", example);
  if (!wrong.empty()) return std::unexpected(invalid_request({{"", std::move(wrong)}}));
  return nlohmann::json(parsed.value);
}

Fields::Fields(const nlohmann::json& object, Findings& findings, std::string pointer)
    : object_(object), findings_(findings), pointer_(std::move(pointer)) {}

std::string Fields::pointer(std::string_view name) const {
  return name.empty() ? pointer_ : pointer_ + "/" + escaped(name);
}

std::string Fields::named(std::string_view name) const {
  std::string text = pointer_.empty() ? std::string() : pointer_.substr(1) + "/";
  text += name;
  if (name.empty() && !text.empty()) text.pop_back();
  std::replace(text.begin(), text.end(), '/', '.');
  return text;
}

void Fields::add(std::string_view name, std::string message) {
  findings_.push_back({pointer(name), std::move(message)});
}

void Fields::add_at(std::string_view below, std::string message) {
  findings_.push_back({pointer_ + std::string(below), std::move(message)});
}

const nlohmann::json* Fields::find(std::string_view name) {
  asked_.emplace_back(name);
  const auto found = object_.find(name);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

bool Fields::has(std::string_view name) const {
  const auto found = object_.find(name);
  return found != object_.end() && !found->is_null();
}

bool Fields::is_null(std::string_view name) const {
  const auto found = object_.find(name);
  return found != object_.end() && found->is_null();
}

std::string Fields::text(std::string_view name, bool is_required) {
  const nlohmann::json* value = find(name);
  if (value == nullptr) {
    if (is_required)
      add(name, fmt::format("{} is missing: it must be a non-empty text", named(name)));
    return {};
  }
  if (!value->is_string() || (is_required && value->get_ref<const std::string&>().empty())) {
    add(name, fmt::format("{} must be a non-empty text, not {}", named(name), shown(*value)));
    return {};
  }
  return value->get<std::string>();
}

std::string Fields::choice(std::string_view name, const std::vector<std::string_view>& names) {
  const nlohmann::json* value = find(name);
  if (value != nullptr && value->is_string() &&
      std::find(names.begin(), names.end(), value->get<std::string>()) != names.end())
    return value->get<std::string>();
  add(name, fmt::format("{} must be one of {}, not {}", named(name), fmt::join(names, ", "),
                        value == nullptr ? "absent" : shown(*value)));
  return {};
}

std::int64_t Fields::number(std::string_view name, std::int64_t fallback, std::int64_t least,
                            std::int64_t most) {
  const nlohmann::json* value = find(name);
  if (value == nullptr) return fallback;
  // JSON knows one kind of number: 5.0 is as whole as 5.
  const double given = value->is_number() ? value->get<double>() : double(least) - 1;
  if (given >= double(least) && given <= double(most) && given == std::floor(given))
    return value->get<std::int64_t>();
  add(name, fmt::format("{} must be a whole number from {} to {}, not {}", named(name), least, most,
                        shown(*value)));
  return fallback;
}

std::int64_t Fields::required_number(std::string_view name, std::int64_t least, std::int64_t most) {
  if (!has(name))
    add(name, fmt::format("{} is missing: it must be a whole number from {} to {}", named(name),
                          least, most));
  return number(name, least, least, most);
}

bool Fields::flag(std::string_view name, bool fallback) {
  const nlohmann::json* value = find(name);
  if (value == nullptr) return fallback;
  if (value->is_boolean()) return value->get<bool>();
  add(name, fmt::format("{} must be true or false, not {}", named(name), shown(*value)));
  return fallback;
}

std::map<std::string, std::string> Fields::environment(std::string_view name) {
  const nlohmann::json* value = find(name);
  if (value == nullptr) return {};
  return read_environment(*value, {pointer(name), named(name)}, findings_);
}

model::LimitsAsked Fields::limits(std::string_view name) {
  const nlohmann::json* value = find(name);
  if (value == nullptr) return {};
  return read_limits(*value, {pointer(name), named(name)}, findings_);
}

std::optional<Fields> Fields::object(std::string_view name) {
  const nlohmann::json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_object()) return Fields(*value, findings_, pointer(name));
  add(name, fmt::format("{} must be an object, not {}", named(name), shown(*value)));
  return std::nullopt;
}

std::vector<std::string> Fields::texts(std::string_view name, std::size_t most) {
  std::vector<std::string> read;
  const nlohmann::json* value = find(name);
  if (value == nullptr) return read;
  if (!value->is_array() || value->size() > most) {
    add(name, fmt::format("{} must be a list of at most {} texts, not {}", named(name), most,
                          shown(*value)));
    return read;
  }
  for (std::size_t i = 0; i < value->size(); ++i) {
    if ((*value)[i].is_string())
      read.push_back((*value)[i].get<std::string>());
    else
      add_at(fmt::format("/{}/{}", escaped(name), i),
             fmt::format("{}.{} must be a text, not {}", named(name), i, shown((*value)[i])));
  }
  return read;
}

bool Fields::list(std::string_view name, std::size_t most,
                  const std::function<void(Fields&)>& each) {
  const nlohmann::json* value = find(name);
  if (value == nullptr) return false;
  if (!value->is_array() || value->size() > most) {
    add(name, fmt::format("{} must be a list of at most {} objects, not {}", named(name), most,
                          shown(*value)));
    return true;
  }
  for (std::size_t i = 0; i < value->size(); ++i) {
    const std::string place = fmt::format("{}/{}", pointer(name), i);
    Fields item((*value)[i], findings_, place);
    if ((*value)[i].is_object())
      each(item);
    else
      item.add("", fmt::format("{} must be an object, not {}", item.named(""), shown((*value)[i])));
  }
  return true;
}

void Fields::refuse_unknown() {
  for (const auto& [key, value] : object_.items())
    if (std::find(asked_.begin(), asked_.end(), key) == asked_.end())
      add(key, fmt::format("{} is not known here: remove it, or see GET /openapi.json",
                           named(std::string_view(key).substr(0, 80))));
}

model::LimitsAsked read_limits(const nlohmann::json& object, const Place& place,
                               Findings& findings) {
  model::LimitsAsked limits;
  if (!object.is_object()) {
    findings.push_back(
        {place.pointer,
         fmt::format(R"({} must be an object of numbers, like {{"memory_mb":512}})", place.name)});
    return limits;
  }
  for (const auto& [key, value] : object.items()) {
    const std::string pointer = place.pointer + "/" + escaped(key);
    const std::string name = fmt::format("{}.{}", place.name, key.substr(0, 80));
    if (!value.is_number())
      findings.push_back({pointer, fmt::format("{} must be a number, not {}", name, shown(value))});
    else if (const auto set = model::set_limit(limits, key, value.get<double>()); !set)
      findings.push_back(
          {pointer, fmt::format("{} {}, not {}", name, set.error().message, shown(value))});
  }
  return limits;
}

std::map<std::string, std::string> read_environment(const nlohmann::json& object,
                                                    const Place& place, Findings& findings) {
  std::map<std::string, std::string> environment;
  if (!object.is_object()) {
    findings.push_back(
        {place.pointer,
         fmt::format(R"({} must be an object of texts, like {{"KEY":"value"}})", place.name)});
    return environment;
  }
  if (object.size() > kMaxEnvironmentEntries) {
    findings.push_back(
        {place.pointer, fmt::format("{} has {} variables; at most {} are allowed", place.name,
                                    object.size(), kMaxEnvironmentEntries)});
    return environment;
  }
  for (const auto& [key, value] : object.items()) {
    const auto add = [&](std::string message) {
      findings.push_back({place.pointer + "/" + escaped(key), std::move(message)});
    };
    if (!is_variable_name(key)) {
      add(fmt::format("{}: '{}' is not a variable name; use letters, digits and '_'", place.name,
                      key.substr(0, 80)));
    } else if (!value.is_string()) {
      add(fmt::format("{}.{} must be a text, not {}", place.name, key, value.type_name()));
    } else if (const auto& text = value.get_ref<const std::string&>();
               text.size() > kMaxEnvironmentValueBytes || text.find('\0') != std::string::npos) {
      add(fmt::format("{}.{} is longer than {} bytes or holds a NUL byte", place.name, key,
                      kMaxEnvironmentValueBytes));
    } else {
      environment[key] = text;
    }
  }
  return environment;
}

}  // namespace pixell::api
