#include "engine/ecs/task_log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "engine/ecs/limits.hpp"
#include "engine/ecs/steps.hpp"
#include "engine/records/limits.hpp"

namespace pixell::engine::ecs {

using nlohmann::json;

namespace {
constexpr const char* kMarkFile = "log_mark.json";
}

TaskLog::TaskLog(const std::filesystem::path& directory)
    : directory_(directory), log_(directory / "task.log") {}

Result<std::int64_t> TaskLog::end() const {
  TRY(const LogPiece nothing, log_.read({.from = -1, .max_bytes = 0}, true));
  return nothing.next;
}

Result<void> TaskLog::recover() {
  if (is_recovered_) return {};
  TRY_VOID(log_.recover());
  const auto text = read_file(directory_ / kMarkFile);
  if (!text && text.error().code != ErrorCode::NotFound) return text.error();
  if (text) {
    const json document = json::parse(*text, nullptr, false);
    if (!document.is_object())
      return make_error(ErrorCode::DataLoss, fmt::format("{} is not JSON: remove it",
                                                         (directory_ / kMarkFile).string()));
    mark_ = {.token = text_at(document, "token"),
             .position = document.value("position", std::int64_t(0))};
  }
  is_recovered_ = true;
  return {};
}

Result<void> TaskLog::keep(const Mark& mark) {
  if (mark == mark_) return {};
  TRY_VOID(write_file_atomically(directory_ / kMarkFile,
                                 json{{"token", mark.token}, {"position", mark.position}}.dump(),
                                 0600, Durability::ProcessCrash));
  mark_ = mark;
  return {};
}

Result<void> TaskLog::append(const json& events) {
  std::string text;
  for (const json& each : events) {
    text += text_at(each, "message");
    if (!text.ends_with('\n')) text += '\n';
  }
  // What was appended just before the mark could be written is there already.
  TRY(const std::int64_t before, end());
  const auto there =
      std::clamp<std::int64_t>(before - mark_.position, 0, std::int64_t(text.size()));
  if (there == std::int64_t(text.size())) return {};
  TRY(const UniqueFd file, log_.open());
  return write_all(file.get(), std::string_view(text).substr(std::size_t(there)));
}

// False when this was the last page there is now.
Result<bool> TaskLog::take_page(aws::Services& aws, const LogStream& stream) {
  json request = {
      {"logGroupName", stream.group}, {"logStreamName", stream.name}, {"startFromHead", true}};
  if (!mark_.token.empty()) request["nextToken"] = mark_.token;
  const auto page = aws.call("logs", "GetLogEvents", request, {.lane = aws::Lane::Reconcile});
  // The container has written nothing yet, or the retention has passed.
  if (!page && page.error().name == "ResourceNotFoundException") return false;
  if (!page && page.error().name == "InvalidParameterException" && !mark_.token.empty()) {
    // Tokens live for a day: from the beginning again, of which our copy has as much as it is long.
    TRY_VOID(keep({.token = {}, .position = 0}));
    return true;
  }
  if (!page) return aws::to_error(page.error());
  const json events = list_at(*page, "events");
  TRY_VOID(append(events));
  const std::string next = text_at(*page, "nextForwardToken");
  std::int64_t taken = mark_.position;
  for (const json& each : events) {
    const std::string message = text_at(each, "message");
    taken += std::int64_t(message.size()) + (message.ends_with('\n') ? 0 : 1);
  }
  const bool is_last = next.empty() || next == mark_.token;
  TRY_VOID(keep({.token = next.empty() ? mark_.token : next, .position = taken}));
  return !is_last;
}

Result<void> TaskLog::take_news(aws::Services& aws, const LogStream& stream) {
  for (int page = 0; page < kLogPages; ++page) {
    TRY(const bool has_more, take_page(aws, stream));
    if (!has_more) break;
  }
  TRY(const bool ignored, log_.rotate(kLogCopyBytes));
  (void)ignored;
  return {};
}

Result<LogPiece> TaskLog::read(aws::Services& aws, const LogStream& stream, bool is_complete,
                               const LogRange& range) {
  const std::lock_guard lock(mutex_);
  TRY_VOID(recover());
  TRY(const std::int64_t copied, end());
  // A part that is here whole needs no call: who reads a log from its beginning makes many
  // readings.
  const bool is_here = range.from >= 0 && range.from < copied &&
                       std::uint64_t(copied - range.from) >=
                           std::min(range.max_bytes, std::size_t(kMaxLogReplyBytes));
  if (!has_all_ && !is_here && !stream.name.empty()) {
    TRY_VOID(take_news(aws, stream));
    has_all_ = is_complete;
  }
  return log_.read(range, is_complete);
}

}  // namespace pixell::engine::ecs
