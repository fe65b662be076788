#include "engine/docker/log_copy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/files.hpp"
#include "engine/docker/limits.hpp"
#include "engine/docker/log_frames.hpp"

namespace pixell::engine::docker {

using nlohmann::json;

namespace {

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;
constexpr const char* kMarkFile = "log_mark.json";
constexpr std::size_t kWriteBytes = 256 * 1024;  // appended to the copy at once

// One reading of the entries from a mark on.
class News {
 public:
  News(const LogMark& mark, std::int64_t already, int fd)
      : skipped_entries_(mark.taken), skipped_bytes_(already), fd_(fd) {}

  Result<void> take(const StampedLine& line) {
    stamps_.push_back(line.nanos);
    newest_ = std::max(newest_, line.nanos);
    if (std::int64_t(stamps_.size()) <= skipped_entries_) return {};
    std::string_view text = line.text;
    // What was appended just before the mark could be written is there already.
    const auto there = std::min<std::size_t>(text.size(), std::size_t(skipped_bytes_));
    text.remove_prefix(there);
    skipped_bytes_ -= std::int64_t(there);
    text_ += text;
    return text_.size() < kWriteBytes ? Result<void>() : flush();
  }

  Result<void> flush() {
    TRY_VOID(write_all(fd_, text_));
    text_.clear();
    return {};
  }

  // The mark to go on from.
  LogMark next(const LogMark& before) const {
    LogMark mark{.since = std::max(before.since, newest_ - kLogOverlapNanos)};
    mark.taken = std::count_if(stamps_.begin(), stamps_.end(),
                               [&](std::int64_t nanos) { return nanos >= mark.since; });
    return mark;
  }

 private:
  std::vector<std::int64_t> stamps_;
  std::int64_t newest_ = 0;
  std::int64_t skipped_entries_;
  std::int64_t skipped_bytes_;
  int fd_;
  std::string text_;
};

}  // namespace

LogCopy::LogCopy(std::filesystem::path directory)
    : directory_(std::move(directory)), log_(directory_ / "par.log") {}

Result<std::int64_t> LogCopy::end() const {
  TRY(const LogPiece nothing, log_.read({.from = -1, .max_bytes = 0}, true));
  return nothing.next;
}

Result<void> LogCopy::recover() {
  if (is_recovered_) return {};
  TRY_VOID(log_.recover());
  const auto text = read_file(directory_ / kMarkFile);
  if (!text && text.error().code != ErrorCode::NotFound) return text.error();
  if (text) {
    const json document = json::parse(*text, nullptr, false);
    if (!document.is_object())
      return make_error(ErrorCode::DataLoss,
                        fmt::format("{} is not JSON", (directory_ / kMarkFile).string()));
    mark_ = {.since = document.value("since", std::int64_t(0)),
             .taken = document.value("taken", std::int64_t(0)),
             .position = document.value("position", std::int64_t(0))};
  }
  is_recovered_ = true;
  return {};
}

Result<void> LogCopy::take_news(DockerApi& api, const std::string& container) {
  TRY(const std::int64_t before, end());
  TRY(const UniqueFd file, log_.open());
  News news(mark_, std::max<std::int64_t>(0, before - mark_.position), file.get());
  LogFrames frames([&news](std::string_view payload) -> Result<void> {
    TRY(const StampedLine line, parse_stamped(payload));
    return news.take(line);
  });
  const std::string path =
      fmt::format("/containers/{}/logs?stdout=1&stderr=1&timestamps=1&since={}.{:09}", container,
                  mark_.since / kNanosPerSecond, mark_.since % kNanosPerSecond);
  TRY_VOID(
      api.stream(path, {.sink = [&frames](std::string_view bytes) { return frames.feed(bytes); },
                        .timeout = kStartTimeout,
                        .max_bytes = kMaxLogBytes}));
  TRY_VOID(news.flush());
  LogMark mark = news.next(mark_);
  TRY(mark.position, end());
  if (mark.position == mark_.position && mark.since == mark_.since && mark.taken == mark_.taken)
    return {};
  const json document = {{"since", mark.since}, {"taken", mark.taken}, {"position", mark.position}};
  TRY_VOID(write_file_atomically(directory_ / kMarkFile, document.dump(), 0600,
                                 Durability::ProcessCrash));
  mark_ = mark;
  TRY(const bool ignored, log_.rotate(kMaxLogCopyBytes));
  (void)ignored;
  return {};
}

Result<LogPiece> LogCopy::read(DockerApi& api, const std::string& container, bool has_ended,
                               const LogRange& range) {
  const std::lock_guard lock(mutex_);
  TRY_VOID(recover());
  if (!is_complete_) TRY_VOID(take_news(api, container));
  is_complete_ = has_ended;
  return log_.read(range, has_ended);
}

}  // namespace pixell::engine::docker
