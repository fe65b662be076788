// The JSON-RPC body of a stranger: a call whose parts are valid JSON for the worker and the answer,
// or an error that is itself a valid answer. A call that is written anew is the same call.

#include <algorithm>
#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "base/check.hpp"
#include "input.hpp"
#include "model/a2a_rpc.hpp"

namespace {

using Json = nlohmann::ordered_json;
using pixell::model::RpcCall;
using pixell::model::RpcError;
using pixell::model::RpcLimits;

constexpr RpcLimits kLimits{.depth = 32, .name_bytes = 64};
// Written anew, parameters stand a little deeper than those a client puts into params itself.
constexpr RpcLimits kAgainLimits{.depth = 34, .name_bytes = 64};
constexpr std::array<std::string_view, 4> kMessageMethods = {"message/send", "message/stream",
                                                             "tasks/send", "tasks/sendSubscribe"};

void check_id(const Json& id) {
  CHECK(id.is_null() || id.is_string() || id.is_number(), "an id is a text, a number or null");
}

void check_call(const RpcCall& call) {
  CHECK(call.skill.size() <= kLimits.name_bytes, "the skill's name is limited");
  CHECK(call.is_stream_method == (call.method == "message/stream"), "one method is a stream");
  CHECK(Json::parse(call.parameters_json).is_object(), "a handler gets an object");
  check_id(Json::parse(call.id_json));
}

void check_written_anew(const RpcCall& call) {
  Json params = {{"skill", call.skill}, {"params", Json::parse(call.parameters_json)}};
  if (std::ranges::find(kMessageMethods, call.method) != kMessageMethods.end())
    params = {{"message", {{"metadata", params}}}};
  const Json request = {{"jsonrpc", "2.0"},
                        {"id", Json::parse(call.id_json)},
                        {"method", call.method},
                        {"params", params}};
  const auto again = pixell::model::parse_rpc_call(request.dump(), kAgainLimits);
  CHECK(again.has_value(), "it is understood");
  CHECK(again->id_json == call.id_json && again->method == call.method, "as the same request");
  CHECK(again->skill == call.skill, "for the same skill");
  CHECK(again->parameters_json == call.parameters_json, "with the same parameters");
  const Json result = Json::parse(pixell::model::rpc_result(call.id_json, call.parameters_json));
  CHECK(result.at("id") == request.at("id") && result.contains("result"), "it can be answered");
}

void check_error(const RpcError& error) {
  const Json answer = Json::parse(pixell::model::rpc_error(error));
  check_id(answer.at("id"));
  CHECK(answer.at("error").at("code") == static_cast<int>(error.code), "the code is told");
  CHECK(!answer.at("error").at("message").get<std::string>().empty(), "and what is wrong");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body = pixell::fuzz::text_of(data, size);
  const auto call = pixell::model::parse_rpc_call(body, kLimits);
  if (call) {
    CHECK(!call->method.empty() && call->method.size() <= kLimits.name_bytes, "a method, limited");
    check_call(*call);
    check_written_anew(*call);
  } else {
    check_error(call.error());
  }
  const auto bare = pixell::model::rpc_call_of_params(body, "respond", kLimits);
  if (bare)
    check_call(*bare);
  else
    check_error(bare.error());
  return 0;
}
