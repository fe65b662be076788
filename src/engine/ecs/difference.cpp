#include "engine/ecs/difference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "engine/ecs/limits.hpp"

namespace pixell::engine::ecs {

using nlohmann::json;

namespace {

// By what the objects of AWS's lists are told apart.
constexpr std::array kKeys{"name",           "Name",           "key",          "Key", "Field",
                           "TargetGroupArn", "targetGroupArn", "containerPort"};
// A tag or variable is its name and this, and is shown as the one value it is.
constexpr std::array kValues{"value", "Value", "valueFrom"};

std::string shown(const json& value) {
  if (value.is_null()) return {};
  std::string text = value.is_string() ? value.get<std::string>() : value.dump();
  if (text.size() > kShownValue) text = text.substr(0, kShownValue) + "…";
  return text;
}

bool is_nothing(const json& value) {
  return value.is_null() || ((value.is_array() || value.is_object()) && value.empty());
}

std::string key_of(const json& element) {
  if (!element.is_object()) return {};
  for (const char* key : kKeys)
    if (const auto found = element.find(key); found != element.end()) return shown(*found);
  return {};
}

// An element of which only key and value matter.
const json& value_of(const json& element) {
  for (const char* name : kValues)
    if (element.size() == 2 && element.contains(name)) return element.at(name);
  return element;
}

json sorted_texts(const json& list) {
  json texts = json::array();
  for (const json& each : list) texts.push_back(shown(each));
  std::sort(texts.begin(), texts.end());
  return texts;
}

class Comparison {
 public:
  std::vector<Difference> found;

  void compare(const std::string& field, const json& is, const json& wanted) {
    if (is_nothing(is) && is_nothing(wanted)) return;
    if (wanted.is_object() && is.is_object()) return objects(field, is, wanted);
    if (wanted.is_array() && is.is_array()) return lists(field, is, wanted);
    if (shown(is) != shown(wanted)) add(field, is, wanted);
  }

 private:
  void add(const std::string& field, const json& is, const json& wanted) {
    found.push_back({.field = field,
                     .is = is_nothing(is) ? std::string() : shown(is),
                     .wanted = is_nothing(wanted) ? std::string() : shown(wanted)});
  }

  void objects(const std::string& field, const json& is, const json& wanted) {
    for (const auto& [name, value] : wanted.items())
      compare(field.empty() ? name : field + '.' + name, is.value(name, json()), value);
  }

  void lists(const std::string& field, const json& is, const json& wanted) {
    const bool is_keyed =
        std::all_of(wanted.begin(), wanted.end(),
                    [](const json& each) { return !key_of(each).empty(); }) &&
        std::all_of(is.begin(), is.end(), [](const json& each) { return !key_of(each).empty(); });
    if (!is_keyed) {
      // One object without a name, such as a rule's action, is the other's.
      if (is.size() == 1 && wanted.size() == 1 && wanted.front().is_object())
        return compare(field, is.front(), wanted.front());
      if (sorted_texts(is) != sorted_texts(wanted)) add(field, is, wanted);
      return;
    }
    std::map<std::string, std::pair<json, json>> elements;
    for (const json& each : is) elements[key_of(each)].first = value_of(each);
    for (const json& each : wanted) elements[key_of(each)].second = value_of(each);
    for (const auto& [key, both] : elements)
      compare(fmt::format("{}[{}]", field, key), both.first, both.second);
  }
};

}  // namespace

std::vector<Difference> differences(const json& is, const json& wanted) {
  Comparison comparison;
  comparison.compare("", is, wanted);
  return std::move(comparison.found);
}

}  // namespace pixell::engine::ecs
