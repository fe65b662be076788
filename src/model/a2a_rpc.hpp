#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pixell::model {

// A2A over HTTP as today's callers speak it: JSON-RPC 2.0 (https://www.jsonrpc.org/specification)
// whose methods name, in one way or another, a skill of the agent. Everything here is pure.

/// Error codes of JSON-RPC; the last one is the agent's own.
enum class RpcCode : int {
  ParseError = -32700,
  InvalidRequest = -32600,
  MethodNotFound = -32601,
  InvalidParams = -32602,
  HandlerFailed = -32000,
};

/// An error as it is told to the client.
struct RpcError {
  RpcCode code = RpcCode::HandlerFailed;
  std::string message;
  std::string id_json = "null";  ///< the request's id, when it could be read
};

/// One understood request.
struct RpcCall {
  std::string id_json = "null";  ///< as it came: a string, a number or null
  std::string method;
  std::string skill;                   ///< what is asked for; perhaps no handler has that name
  std::string parameters_json = "{}";  ///< a JSON object for the handler, the client's order kept
  /// A strict request (it names its version) without an id: JSON-RPC 2.0 wants no answer.
  bool is_notification = false;
  /// The method only makes sense as a stream (message/stream).
  bool is_stream_method = false;
};

/// What a request may be at most.
struct RpcLimits {
  int depth = 128;                ///< nesting of its JSON
  std::size_t name_bytes = 1024;  ///< method and skill, each
};

/// Reads one request. For message/send, message/stream, tasks/send and tasks/sendSubscribe the
/// skill is params.message.metadata.skill (else "chat") and the parameters are
/// params.message.metadata.params, with the text of the first text part as `message` unless they
/// have one. For every other method the skill is params.skill or the last segment of the method,
/// and the parameters are params.params or params.
std::expected<RpcCall, RpcError> parse_rpc_call(std::string_view body,
                                                const RpcLimits& limits = {});

/// The call a client means that posts only the parameters of `method` (a JSON object).
std::expected<RpcCall, RpcError> rpc_call_of_params(std::string_view params,
                                                    std::string_view method,
                                                    const RpcLimits& limits = {});

/// A handler that answers a call.
struct SkillMatch {
  std::string handler;
  bool is_streaming = false;
};

/// Who answers `skill`: the handler of that name, else `chat`, else `default`. Without a stream
/// only plain handlers count; for a stream a streaming handler goes before a plain one of the same
/// name.
std::optional<SkillMatch> find_skill(const std::string& skill, bool wants_stream,
                                     const std::vector<std::string>& handlers,
                                     const std::vector<std::string>& streaming_handlers);

/// {"jsonrpc":"2.0","result":…,"id":…}; `result_json` is JSON text.
std::string rpc_result(std::string_view id_json, std::string_view result_json);
/// {"jsonrpc":"2.0","error":{"code","message"},"id":…}
std::string rpc_error(const RpcError& error);

}  // namespace pixell::model
