#include "net/line_log.hpp"

#include <fmt/format.h>

#include <cstring>

#include "base/json_line.hpp"
#include "base/limits.hpp"

namespace pixell::net {

namespace {

constexpr std::string_view kTimestampForm = "0000-00-00T00:00:00.000Z";
constexpr std::string_view kBeforeWarningTime =
    R"({"event":"Access log lines dropped","level":"warning","timestamp":")";
constexpr std::size_t kSecondBytes = 20;  // up to and with the point before the milliseconds
constexpr std::string_view kEnd = "}\n";

}  // namespace

LineLog::LineLog(EventLoop& loop, LogWriter& writer, const Log& log, const Form& form)
    : loop_(loop), writer_(writer), buffer_(std::make_unique_for_overwrite<LogBuffer>()) {
  head_ = fmt::format(R"({{"event":"{}","level":"info","timestamp":")", form.event);
  time_at_ = head_.size();
  std::string common = fmt::format("{}\"{}{}", kTimestampForm, log.bound_fields(), form.more);
  // A log bound to more than fits has no bound fields here; a line must have its end.
  if (time_at_ + common.size() > kMaxLogLineHead)
    common = fmt::format("{}\"{}", kTimestampForm, form.more);
  head_ += common;
  warning_head_ = fmt::format("{}{},\"lines\":", kBeforeWarningTime, common);
}

LineLog::~LineLog() {
  // make_room() has kept the room.
  if (dropped_.value() != dropped_told_) put_dropped();
  if (buffer_->used > 0) writer_.take_last(std::move(buffer_));
}

void LineLog::put_second(std::int64_t second) {
  second_ = second;
  const std::string text = iso8601(second * 1000);
  std::memcpy(head_.data() + time_at_, text.data(), kSecondBytes);
}

void LineLog::put_time(Instant at) {
  std::chrono::nanoseconds since = at - known_at_;
  if (known_unix_ == 0 || since >= Millis(1000) || since <= Millis(-1000)) {
    // What ended a moment ago is told as now.
    known_at_ = at;
    known_unix_ = loop_.clock().unix_now();
    since = {};
  }
  const UnixMillis unix_ms = known_unix_ + since.count() / 1'000'000;
  if (const std::int64_t second = unix_ms / 1000; second != second_) put_second(second);
  put_three(head_.data() + time_at_ + kSecondBytes,
            static_cast<std::uint32_t>(unix_ms - second_ * 1000));
}

char* LineLog::begin_line(Instant at) {
  put_time(at);
  if (!make_room()) {
    ++dropped_;
    if (!timer_.is_set()) wait_to_flush();
    return nullptr;
  }
  if (dropped_.value() != dropped_told_) put_dropped();
  return put(buffer_->bytes.data() + buffer_->used, std::string_view(head_));
}

void LineLog::end_line(char* out) {
  out = put(out, kEnd);
  buffer_->used = static_cast<std::size_t>(out - buffer_->bytes.data());
  if (!timer_.is_set()) wait_to_flush();
}

bool LineLog::make_room() {
  // Three lines: two may have to tell what was dropped, one of them at the end.
  if (buffer_->used + 3 * kMaxLogLine <= buffer_->bytes.size()) return true;
  return writer_.exchange(buffer_);
}

void LineLog::put_dropped() {
  // The time is that of the last line, written or dropped.
  std::memcpy(warning_head_.data() + kBeforeWarningTime.size(), head_.data() + time_at_,
              kTimestampForm.size());
  char* out = put(buffer_->bytes.data() + buffer_->used, std::string_view(warning_head_));
  out = put_number(out, static_cast<std::uint64_t>(dropped_.value() - dropped_told_));
  out = put(out, kEnd);
  dropped_told_ = dropped_.value();
  buffer_->used = static_cast<std::size_t>(out - buffer_->bytes.data());
}

void LineLog::wait_to_flush() {
  timer_ = loop_.after(kLogDelay, [this] {
    timer_.cancel();
    flush();
    if (dropped_.value() != dropped_told_ && make_room()) put_dropped();
    // The writer has its fill: what is here waits with it.
    if (buffer_->used > 0) wait_to_flush();
  });
}

void LineLog::flush() {
  if (buffer_->used > 0) writer_.exchange(buffer_);
}

}  // namespace pixell::net
