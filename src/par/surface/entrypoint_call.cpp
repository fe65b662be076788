#include "par/surface/entrypoint_call.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "par/limits.hpp"

namespace pixell::par {

std::expected<std::string, std::string> entrypoint_argument(std::string_view body) {
  using Json = nlohmann::ordered_json;
  bool is_too_deep = false;
  try {
    // Written out again, the text is one line of strict JSON whatever the client sent.
    const Json json = Json::parse(body, [&is_too_deep](int depth, Json::parse_event_t, Json&) {
      is_too_deep = is_too_deep || depth > kMaxJsonDepth;
      return !is_too_deep;
    });
    if (is_too_deep)
      return std::unexpected(fmt::format("the body nests deeper than {}", kMaxJsonDepth));
    if (json.is_object()) return json.dump(-1, ' ', false, Json::error_handler_t::replace);
    return std::unexpected("the body is not a JSON object");
  } catch (const Json::exception&) {
    return std::unexpected("the body is not JSON");
  }
}

std::string entrypoint_result(std::string_view result_json) {
  return fmt::format(R"({{"status":"success","data":{}}})", result_json);
}

std::string entrypoint_error(std::string_view message) {
  std::string json = R"({"status":"error","error":)";
  append_json_string(json, message);
  return json + '}';
}

}  // namespace pixell::par
