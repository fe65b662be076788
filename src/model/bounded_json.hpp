#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace pixell::model {

/// JSON of somebody else. The order of members is kept: most of it goes on as text.
struct BoundedJson {
  nlohmann::ordered_json value;  ///< null when the text is no JSON
  std::string wrong;             ///< why it is none; empty when it is
  /// It nests deeper than the limit; what lies deeper is not in `value`.
  bool is_too_deep = false;
};

/// Parses without ever nesting deeper than `depth`: writing JSON out again recurses, so a text of
/// many brackets would exhaust the stack.
BoundedJson parse_bounded(std::string_view text, int depth);

}  // namespace pixell::model
