#include "par/surface/entrypoint_call.hpp"

#include <fmt/format.h>

#include "base/log.hpp"
#include "model/bounded_json.hpp"
#include "par/limits.hpp"

namespace pixell::par {

std::expected<std::string, std::string> entrypoint_argument(std::string_view body) {
  const model::BoundedJson parsed = model::parse_bounded(body, kMaxJsonDepth);
  if (!parsed.wrong.empty()) return std::unexpected("the body is not JSON");
  if (parsed.is_too_deep)
    return std::unexpected(fmt::format("the body nests deeper than {}", kMaxJsonDepth));
  if (!parsed.value.is_object()) return std::unexpected("the body is not a JSON object");
  // Written out again, the text is one line of strict JSON whatever the client sent.
  return parsed.value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
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
