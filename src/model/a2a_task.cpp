#include "model/a2a_task.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

#include "model/bounded_json.hpp"

namespace pixell::model {

namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Text as it is, everything else as JSON.
std::string text_of(const Json& json) {
  return json.is_string() ? json.get<std::string>() : dump(json);
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

// The name of an event: its member `event`, else `type`, else "content".
std::string name_of(const Json& event) {
  for (const char* member : {"event", "type"}) {
    const auto found = event.find(member);
    if (found != event.end() && found->is_string() && !found->get_ref<const std::string&>().empty())
      return lower(found->get<std::string>());
  }
  return "content";
}

// What the event carries: its member `data` (JSON inside a text is taken out), else the event.
Json data_of(const Json& event) {
  if (!event.contains("data")) return event;
  const Json& data = event.at("data");
  if (!data.is_string()) return data;
  BoundedJson inner = parse_bounded(data.get_ref<const std::string&>(), kMaxEventDepth);
  return inner.wrong.empty() && !inner.is_too_deep ? std::move(inner.value) : data;
}

std::string member_text(const Json& data, const char* name) {
  return text_of(data.is_object() && data.contains(name) ? data.at(name) : data);
}

RpcError handler_error(std::string message) {
  return {.code = RpcCode::HandlerFailed, .message = std::move(message)};
}

Json message_of(const TaskStatus& status) {
  Json message = {{"role", "agent"},
                  {"parts", Json::array({{{"type", "text"}, {"text", *status.text}}})}};
  if (status.is_thinking) message["metadata"] = {{"thinking", true}};
  return message;
}

}  // namespace

std::string_view to_string(TaskState state) {
  switch (state) {
    case TaskState::Working:
      return "working";
    case TaskState::Completed:
      return "completed";
    case TaskState::Failed:
      return "failed";
  }
  return "unknown";
}

std::string status_notification(std::string_view task_id, const TaskStatus& status) {
  Json told = {{"state", to_string(status.state)}};
  if (status.text) told["message"] = message_of(status);
  if (!status.metadata_json.empty())
    told["metadata"] = Json::parse(status.metadata_json, nullptr, false);
  if (status.error)
    told["error"] = {{"code", static_cast<int>(status.error->code)},
                     {"message", status.error->message}};
  if (status.is_final) told["final"] = true;
  return dump({{"jsonrpc", "2.0"},
               {"method", "tasks/status"},
               {"params", {{"taskId", task_id}, {"status", std::move(told)}}}});
}

TaskStatus TaskProgress::event(std::string_view event_json) {
  const BoundedJson parsed = parse_bounded(event_json, kMaxEventDepth);
  if (!parsed.wrong.empty() || parsed.is_too_deep) return {.text = std::string(event_json)};
  const Json& event = parsed.value;
  if (!event.is_object()) return {.text = text_of(event)};
  const std::string name = name_of(event);
  const Json data = data_of(event);
  if (name == "content") return {.text = member_text(data, "content")};
  if (name == "thinking") return {.text = member_text(data, "content"), .is_thinking = true};
  if (name == "complete" || name == "done") {
    TaskStatus status{.state = TaskState::Completed};
    if (data.is_object()) status.metadata_json = dump(data);
    return status;
  }
  if (name == "error") {
    told_error_ = handler_error(member_text(data, "error"));
    return {.state = TaskState::Failed, .error = told_error_};
  }
  return {.text = text_of(data)};
}

TaskStatus TaskProgress::finish(std::optional<std::string> result) {
  if (told_error_)
    return {.state = TaskState::Failed, .error = std::move(told_error_), .is_final = true};
  return {.state = TaskState::Completed, .text = std::move(result), .is_final = true};
}

TaskStatus TaskProgress::fail(std::string message) {
  return {.state = TaskState::Failed, .error = handler_error(std::move(message)), .is_final = true};
}

}  // namespace pixell::model
