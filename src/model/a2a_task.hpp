#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/a2a_rpc.hpp"

namespace pixell::model {

/// Nesting of an event, and of JSON inside its text; what nests deeper is told as the text it is.
inline constexpr int kMaxEventDepth = 256;

enum class TaskState { Working, Completed, Failed };
std::string_view to_string(TaskState state);

/// One news of a task.
struct TaskStatus {
  TaskState state = TaskState::Working;
  std::optional<std::string> text;  ///< what the agent says
  bool is_thinking = false;         ///< the text is a thought, not part of the answer
  std::string metadata_json;        ///< a JSON object of the agent's, or empty
  std::optional<RpcError> error;    ///< Failed: why; its id does not matter
  bool is_final = false;            ///< nothing follows
};

/// {"jsonrpc":"2.0","method":"tasks/status","params":{"taskId","status":{…}}}
std::string status_notification(std::string_view task_id, const TaskStatus& status);

/// What a streaming handler yields becomes the news of one task; exactly one of them, the last, is
/// final.
///
///   working ──event──▶ working | completed | failed ──finish, fail──▶ final
class TaskProgress {
 public:
  /// An event as the handler yielded it (JSON text). {"event" or "type": name, "data": …} with name
  /// content, thinking, complete, done or error; anything else is told as it is. A bare text is
  /// content.
  TaskStatus event(std::string_view event_json);

  /// The handler ended without an error. `result` is what it returned beside its events ("" for
  /// nothing). Failed when the handler has told an error before.
  TaskStatus finish(std::optional<std::string> result);

  /// The task ended before its time: the handler raised, its process died, the runtime stops.
  TaskStatus fail(std::string message);

 private:
  std::optional<RpcError> told_error_;
};

}  // namespace pixell::model
