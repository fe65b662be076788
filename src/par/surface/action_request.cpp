#include "par/surface/action_request.hpp"

#include <fmt/format.h>

#include <optional>

#include "model/bounded_json.hpp"
#include "par/limits.hpp"
#include "pixell/agent.pb.h"

namespace pixell::par {

namespace {

// Parameters go on as text: the client's order of members is kept.
using Json = nlohmann::ordered_json;
using Answer = std::expected<ActionCall, ActionRefusal>;

std::optional<std::uint64_t> take_varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= std::uint64_t(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  return std::nullopt;
}

// The last length-delimited field 1 of a message
// (https://protobuf.dev/programming-guides/encoding). All fields of both generations are
// length-delimited; anything else ends the search.
std::optional<std::string_view> first_field(std::string_view bytes) {
  constexpr std::uint64_t kLengthDelimited = 2;
  std::optional<std::string_view> found;
  while (!bytes.empty()) {
    const auto tag = take_varint(bytes);
    if (!tag || (*tag & 7) != kLengthDelimited) break;
    const auto length = take_varint(bytes);
    if (!length || *length > bytes.size()) break;
    if (*tag >> 3 == 1) found = bytes.substr(0, *length);
    bytes.remove_prefix(*length);
  }
  return found;
}

bool parse(google::protobuf::MessageLite& message, std::string_view bytes) {
  return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

bool is_second_generation(std::string_view bytes) {
  const auto field = first_field(bytes);
  if (!field) return true;
  ::pixell::agent::A2AMessage message;
  return parse(message, *field) && message.jsonrpc() == "2.0";
}

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

template <class Request>
ActionCall legacy_call(const Request& request) {
  Json parameters = Json::object();
  for (const auto& [key, value] : request.parameters()) parameters[key] = value;
  return {.action = request.action(),
          .parameters_json = dump(parameters),
          .request_id = request.request_id()};
}

// Reads params_json: {"message":{"messageId","metadata":{"skill","params":{}},…}}.
Answer a2a_call(const ::pixell::agent::ActionRequestV2& request) {
  const auto& message = request.a2a_message();
  ActionCall call{.action = request.action(), .request_id = message.id()};
  if (call.request_id.empty()) call.request_id = request.request_id();
  const std::string text = message.params_json().empty() ? "{}" : message.params_json();
  const model::BoundedJson parsed = model::parse_bounded(text, kMaxJsonDepth);
  if (!parsed.wrong.empty())
    return std::unexpected(
        ActionRefusal{.error = fmt::format("Invalid JSON in A2A params_json: {}", parsed.wrong),
                      .request_id = call.request_id});
  if (parsed.is_too_deep)
    return std::unexpected(ActionRefusal{
        .error =
            fmt::format("Invalid JSON in A2A params_json: nested deeper than {}", kMaxJsonDepth),
        .request_id = call.request_id});
  const auto member = [](const Json& json, const char* name) {
    return json.is_object() && json.contains(name) ? json.at(name) : Json();
  };
  const Json said = member(parsed.value, "message");
  const Json metadata = member(said, "metadata");
  if (const Json skill = member(metadata, "skill"); skill.is_string())
    call.action = skill.get<std::string>();
  if (const Json given = member(metadata, "params"); given.is_object())
    call.parameters_json = dump(given);
  if (const Json id = member(said, "messageId"); call.request_id.empty() && id.is_string())
    call.request_id = id.get<std::string>();
  return call;
}

Answer read_call(std::string_view bytes) {
  if (is_second_generation(bytes)) {
    ::pixell::agent::ActionRequestV2 request;
    if (parse(request, bytes))
      return request.has_a2a_message() ? a2a_call(request) : Answer(legacy_call(request));
  }
  ::pixell::agent::ActionRequest request;
  if (parse(request, bytes)) return legacy_call(request);
  return std::unexpected(ActionRefusal{
      .error = "Failed to parse request format: not an ActionRequest", .request_id = {}});
}

}  // namespace

Answer parse_action_request(std::string_view bytes, UnixMillis now) {
  const auto default_id = [now](std::string id) {
    return id.empty() ? fmt::format("req_{}", now) : std::move(id);
  };
  Answer answer = read_call(bytes);
  if (!answer) {
    answer.error().request_id = default_id(std::move(answer.error().request_id));
    return answer;
  }
  answer->request_id = default_id(std::move(answer->request_id));
  if (answer->action.empty())
    return std::unexpected(ActionRefusal{.error = "No action/skill specified in request",
                                         .request_id = std::move(answer->request_id)});
  return answer;
}

}  // namespace pixell::par
