#include "model/bounded_json.hpp"

namespace pixell::model {

BoundedJson parse_bounded(std::string_view text, int depth) {
  using Json = nlohmann::ordered_json;
  BoundedJson parsed;
  try {
    parsed.value = Json::parse(text, [&](int at, Json::parse_event_t, Json&) {
      parsed.is_too_deep = parsed.is_too_deep || at > depth;
      return at <= depth;
    });
  } catch (const Json::exception& wrong) {
    parsed.wrong = wrong.what();
  }
  return parsed;
}

}  // namespace pixell::model
