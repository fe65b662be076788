#include "model/a2a_rpc.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "model/bounded_json.hpp"

namespace pixell::model {

namespace {

// Parameters and ids go on as text: the client's order of members is kept.
using Json = nlohmann::ordered_json;
using Parsed = std::expected<Json, RpcError>;
using Call = std::expected<RpcCall, RpcError>;

constexpr std::string_view kDefaultSkill = "chat";

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Parsed parse(std::string_view text, int depth_limit) {
  BoundedJson parsed = parse_bounded(text, depth_limit);
  if (!parsed.wrong.empty())
    return std::unexpected(RpcError{.code = RpcCode::ParseError, .message = "Parse error"});
  if (parsed.is_too_deep)
    return std::unexpected(
        RpcError{.code = RpcCode::ParseError,
                 .message = fmt::format("Parse error: nested deeper than {}", depth_limit)});
  return std::move(parsed.value);
}

// The member, or null when there is none.
const Json& member(const Json& json, const char* name) {
  static const Json kNull;
  const auto found = json.find(name);
  return found == json.end() ? kNull : *found;
}

// A member that is an object, or an empty one when it is missing or null.
struct Objects {
  std::string wrong;  // the path of the first one that is something else

  Json get(const Json& json, const char* name, const char* path) {
    const Json& found = member(json, name);
    if (found.is_object()) return found;
    if (!found.is_null() && wrong.empty()) wrong = path;
    return Json::object();
  }
};

bool is_text_part(const Json& part) {
  if (!part.is_object() || !member(part, "text").is_string()) return false;
  const Json& type = part.contains("type") ? part.at("type") : member(part, "kind");
  return type.is_null() || type == "text";
}

void add_message_text(const Json& parts, Json& parameters) {
  if (parameters.contains("message")) return;
  const auto text = std::ranges::find_if(parts, is_text_part);
  if (text != parts.end()) parameters["message"] = text->at("text");
}

bool is_message_method(std::string_view method) {
  constexpr std::array<std::string_view, 4> kMethods = {"message/send", "message/stream",
                                                        "tasks/send", "tasks/sendSubscribe"};
  return std::ranges::find(kMethods, method) != kMethods.end();
}

// Fills skill and parameters; the path of what is wrong, or empty.
std::string read_message(const Json& params, RpcCall& call) {
  Objects objects;
  const Json message = objects.get(params, "message", "params.message");
  const Json metadata = objects.get(message, "metadata", "params.message.metadata");
  Json parameters = objects.get(metadata, "params", "params.message.metadata.params");
  const Json& parts = member(message, "parts");
  if (objects.wrong.empty() && !parts.is_null() && !parts.is_array())
    objects.wrong = "params.message.parts";
  const Json& skill = member(metadata, "skill");
  if (objects.wrong.empty() && !skill.is_null() && !skill.is_string())
    objects.wrong = "params.message.metadata.skill";
  if (!objects.wrong.empty()) return objects.wrong;
  add_message_text(parts, parameters);
  call.skill = skill.is_string() ? skill.get<std::string>() : std::string(kDefaultSkill);
  call.parameters_json = dump(parameters);
  return {};
}

std::string read_direct(const Json& params, RpcCall& call) {
  Objects objects;
  const bool has_params = !member(params, "params").is_null();
  const Json parameters = has_params ? objects.get(params, "params", "params.params") : params;
  const Json& skill = member(params, "skill");
  if (objects.wrong.empty() && !skill.is_null() && !skill.is_string())
    objects.wrong = "params.skill";
  if (!objects.wrong.empty()) return objects.wrong;
  call.skill =
      skill.is_string() ? skill.get<std::string>() : call.method.substr(call.method.rfind('/') + 1);
  call.parameters_json = dump(parameters);
  return {};
}

Call read_params(const Json& params, RpcCall call, const RpcLimits& limits) {
  const auto refuse = [&call](RpcCode code, std::string message) {
    return std::unexpected(
        RpcError{.code = code, .message = std::move(message), .id_json = call.id_json});
  };
  if (!params.is_object() && !params.is_null())
    return refuse(RpcCode::InvalidParams, "Invalid params: params is not an object");
  const Json given = params.is_null() ? Json::object() : params;
  call.is_stream_method = call.method == "message/stream";
  const std::string wrong =
      is_message_method(call.method) ? read_message(given, call) : read_direct(given, call);
  if (!wrong.empty())
    return refuse(RpcCode::InvalidParams,
                  fmt::format("Invalid params: {} has a wrong type", wrong));
  if (call.skill.size() > limits.name_bytes)
    return refuse(RpcCode::InvalidParams, "Invalid params: the skill's name is too long");
  return call;
}

}  // namespace

std::expected<RpcCall, RpcError> parse_rpc_call(std::string_view body, const RpcLimits& limits) {
  Parsed request = parse(body, limits.depth);
  if (!request) return std::unexpected(request.error());
  RpcCall call;
  const auto refuse = [&call](std::string message) {
    return std::unexpected(RpcError{.code = RpcCode::InvalidRequest,
                                    .message = "Invalid Request: " + std::move(message),
                                    .id_json = call.id_json});
  };
  if (!request->is_object()) return refuse("not an object");
  const Json& id = member(*request, "id");
  if (!id.is_null() && !id.is_string() && !id.is_number())
    return refuse("id is neither a string nor a number");
  call.id_json = dump(id);
  // Callers that leave the version out are understood, and answered; another version is not.
  call.is_notification = request->contains("jsonrpc") && !request->contains("id");
  if (const Json& version = member(*request, "jsonrpc"); !version.is_null() && version != "2.0")
    return refuse("jsonrpc is not 2.0");
  const Json& method = member(*request, "method");
  if (!method.is_string()) return refuse("method is not a string");
  call.method = method.get<std::string>();
  if (call.method.empty() || call.method.size() > limits.name_bytes)
    return refuse("method is empty or too long");
  return read_params(member(*request, "params"), std::move(call), limits);
}

std::expected<RpcCall, RpcError> rpc_call_of_params(std::string_view params,
                                                    std::string_view method,
                                                    const RpcLimits& limits) {
  const Parsed parsed = parse(params, limits.depth);
  if (!parsed) return std::unexpected(parsed.error());
  RpcCall call;
  call.method = method;
  return read_params(*parsed, std::move(call), limits);
}

std::optional<SkillMatch> find_skill(const std::string& skill, bool wants_stream,
                                     const std::vector<std::string>& handlers,
                                     const std::vector<std::string>& streaming_handlers) {
  for (const std::string& name : {skill, std::string("chat"), std::string("default")}) {
    if (wants_stream && std::ranges::find(streaming_handlers, name) != streaming_handlers.end())
      return SkillMatch{.handler = name, .is_streaming = true};
    if (std::ranges::find(handlers, name) != handlers.end()) return SkillMatch{.handler = name};
  }
  return std::nullopt;
}

std::string rpc_result(std::string_view id_json, std::string_view result_json) {
  return fmt::format(R"({{"jsonrpc":"2.0","result":{},"id":{}}})", result_json, id_json);
}

std::string rpc_error(const RpcError& error) {
  return fmt::format(R"({{"jsonrpc":"2.0","error":{},"id":{}}})",
                     dump({{"code", static_cast<int>(error.code)}, {"message", error.message}}),
                     error.id_json);
}

}  // namespace pixell::model
