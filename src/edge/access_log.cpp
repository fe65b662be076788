#include "edge/access_log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/plain_text.hpp"
#include "base/utf8.hpp"

namespace pixell::edge {

namespace {

// Room for each text in a line, in bytes of its escaped form. With the numbers and names of the
// fields they add up to less than kMaxAccessLine.
constexpr std::size_t kAppRoom = 128;
constexpr std::size_t kMethodRoom = 64;
constexpr std::size_t kPathRoom = 2048;
constexpr std::size_t kEndRoom = 64;
constexpr std::size_t kIdRoom = 256;
constexpr std::size_t kTargetRoom = 256;
constexpr std::size_t kMaxHead = 512;  // of fields that the log is bound to
constexpr std::size_t kMaxFixed = 512;
static_assert(kMaxHead + kMaxFixed + kAppRoom + kMethodRoom + kPathRoom + kEndRoom + 2 * kIdRoom +
                  kTargetRoom <=
              kMaxAccessLine);

constexpr std::string_view kEllipsis = "\xE2\x80\xA6";
constexpr std::string_view kNoUtf8 = "\xEF\xBF\xBD";
constexpr std::size_t kLongestEscape = 6;
constexpr std::string_view kTimestampForm = "0000-00-00T00:00:00.000Z";
constexpr std::string_view kBeforeTimestamp = R"({"event":"request","level":"info","timestamp":")";
constexpr std::string_view kBeforeWarningTime =
    R"({"event":"Access log lines dropped","level":"warning","timestamp":")";
constexpr std::size_t kSecondBytes = 20;  // up to and with the point before the milliseconds

template <std::size_t N>
char* put(char* out, const char (&text)[N]) {
  std::memcpy(out, text, N - 1);
  return out + N - 1;
}

char* put(char* out, std::string_view text) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

char* put_three(char* out, std::uint32_t number) {
  out[0] = static_cast<char>('0' + number / 100);
  out[1] = static_cast<char>('0' + number / 10 % 10);
  out[2] = static_cast<char>('0' + number % 10);
  return out + 3;
}

[[gnu::noinline]] char* put_digits(char* out, std::uint64_t number) {
  return std::to_chars(out, out + 20, number).ptr;
}

inline char* put_number(char* out, std::uint64_t number) {
  if (number < 10) {
    *out = static_cast<char>('0' + number);
    return out + 1;
  }
  if (number >= 100 && number < 1000) return put_three(out, static_cast<std::uint32_t>(number));
  return put_digits(out, number);
}

// Milliseconds with three digits behind the point.
char* put_millis(char* out, std::chrono::nanoseconds duration) {
  const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0)) / 1000;
  out = put_number(out, us / 1000);
  *out++ = '.';
  return put_three(out, static_cast<std::uint32_t>(us % 1000));
}

using pixell::are_plain;

bool are_plain(std::uint32_t four) { return are_plain(std::uint64_t{four} << 32 | four); }

// What the compiler makes one vector register of.
using Sixteen [[gnu::vector_size(16)]] = signed char;

bool are_plain(Sixteen bytes) {
  // Bytes beyond ASCII are negative.
  const Sixteen found = (bytes < ' ') | (bytes == '"') | (bytes == '\\');
  std::uint64_t halves[2];
  std::memcpy(halves, &found, sizeof halves);
  return (halves[0] | halves[1]) == 0;
}

bool are_plain(std::uint16_t two) { return are_plain(static_cast<std::uint32_t>(two << 16 | two)); }

bool are_plain(std::uint8_t byte) {
  return are_plain(static_cast<std::uint16_t>(byte << 8 | byte));
}

// The form for texts that are too long or hold something that has to be escaped. Not inlined: the
// registers it needs are not saved for the others.
[[gnu::noinline]] char* put_escaped(char* out, std::string_view text, std::size_t room) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const char* const end = out + room - kEllipsis.size() - kLongestEscape;
  for (std::size_t i = 0; i < text.size();) {
    if (out > end) return put(out, kEllipsis);
    const char c = text[i];
    if (c >= ' ' && c <= '~' && c != '"' && c != '\\') {
      *out++ = c;
      ++i;
    } else if (c == '"' || c == '\\') {
      *out++ = '\\';
      *out++ = c;
      ++i;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out = put(out, "\\u00");
      *out++ = kDigits[static_cast<std::size_t>(c >> 4)];
      *out++ = kDigits[static_cast<std::size_t>(c & 15)];
      ++i;
    } else if (const std::size_t length = utf8_length(text, i); length > 0) {
      out = put(out, text.substr(i, length));
      i += length;
    } else {
      out = put(out, kNoUtf8);
      ++i;
    }
  }
  return out;
}

// Copies one piece of a text. False when it needs a closer look.
template <class Piece>
bool put_piece(char* out, const char* text) {
  Piece piece;
  std::memcpy(&piece, text, sizeof piece);
  std::memcpy(out, &piece, sizeof piece);
  return are_plain(piece);
}

// A text of one to two pieces: its first and its last bytes, which may overlap.
template <class Piece>
bool put_two(char* out, const char* text, std::size_t size) {
  const std::size_t last = size - sizeof(Piece);
  return put_piece<Piece>(out, text) && put_piece<Piece>(out + last, text + last);
}

bool put_plain(char* out, const char* text, std::size_t size) {
  constexpr std::size_t kStep = sizeof(Sixteen);
  if (size > 2 * kStep) {
    for (std::size_t i = 0; i + kStep <= size; i += kStep)
      if (!put_piece<Sixteen>(out + i, text + i)) return false;
    return put_piece<Sixteen>(out + size - kStep, text + size - kStep);
  }
  if (size >= kStep) return put_two<Sixteen>(out, text, size);
  if (size >= 8) return put_two<std::uint64_t>(out, text, size);
  if (size >= 4) return put_two<std::uint32_t>(out, text, size);
  if (size >= 2) return put_two<std::uint16_t>(out, text, size);
  return size == 0 || put_piece<std::uint8_t>(out, text);
}

inline char* put_text(char* out, std::string_view text, std::size_t room) {
  if (text.size() <= room - kEllipsis.size() - kLongestEscape &&
      put_plain(out, text.data(), text.size()))
    return out + text.size();
  return put_escaped(out, text, room);
}

}  // namespace

Result<AccessLogChoice> access_log_choice(std::string_view text) {
  using Lines = AccessLogChoice::Lines;
  if (text == "all") return AccessLogChoice{};
  if (text == "errors") return AccessLogChoice{.lines = Lines::Errors};
  if (text == "none") return AccessLogChoice{.lines = Lines::None};
  AccessLogChoice choice{.lines = Lines::Sampled};
  if (text.starts_with("1/")) {
    const char* const end = text.data() + text.size();
    const auto read = std::from_chars(text.data() + 2, end, choice.one_of);
    if (read.ec == std::errc() && read.ptr == end && choice.one_of >= 2 &&
        choice.one_of <= kMaxAccessLogSample)
      return choice;
  }
  return make_error(ErrorCode::InvalidArgument,
                    fmt::format("access log '{}' must be all, errors, none or 1/N with N from 2 to "
                                "{}",
                                text, kMaxAccessLogSample));
}

AccessLog::AccessLog(net::EventLoop& loop, AccessLogWriter& writer, const Log& log,
                     AccessLogChoice choice, std::size_t loop_number)
    : loop_(loop),
      writer_(writer),
      choice_(choice),
      buffer_(std::make_unique_for_overwrite<AccessLogBuffer>()) {
  if (!log.writes(LogLevel::Info)) choice_.lines = AccessLogChoice::Lines::None;
  // A log bound to more than fits has no bound fields here; a line must have its end.
  const std::string_view bound =
      log.bound_fields().size() + kBeforeTimestamp.size() + 128 <= kMaxHead ? log.bound_fields()
                                                                            : std::string_view();
  const std::string common = fmt::format("{}\"{},\"loop\":{}", kTimestampForm, bound, loop_number);
  head_ = fmt::format("{}{},\"agentAppId\":\"", kBeforeTimestamp, common);
  warning_head_ = fmt::format("{}{},\"lines\":", kBeforeWarningTime, common);
}

AccessLog::~AccessLog() {
  // make_room() has kept the room.
  if (dropped_.value() != dropped_told_) put_dropped();
  if (buffer_->used > 0) writer_.take_last(std::move(buffer_));
}

bool AccessLog::wants(const AccessRecord& record, bool& is_sample) {
  using Lines = AccessLogChoice::Lines;
  if (choice_.lines == Lines::All) return true;
  if (choice_.lines == Lines::None) return false;
  if (record.is_error || record.to_head > kSlowReply) return true;
  if (choice_.lines == Lines::Errors) return false;
  if (until_sample_ > 0) {
    --until_sample_;
    return false;
  }
  until_sample_ = choice_.one_of - 1;
  is_sample = true;
  return true;
}

void AccessLog::put_second(std::int64_t second) {
  second_ = second;
  const std::string text = iso8601(second * 1000);
  std::memcpy(head_.data() + kBeforeTimestamp.size(), text.data(), kSecondBytes);
}

void AccessLog::put_time(Instant at) {
  std::chrono::nanoseconds since = at - known_at_;
  if (known_unix_ == 0 || since >= Millis(1000) || since <= Millis(-1000)) {
    // What ended a moment ago is told as now.
    known_at_ = at;
    known_unix_ = loop_.clock().unix_now();
    since = {};
  }
  const UnixMillis unix_ms = known_unix_ + since.count() / 1'000'000;
  if (const std::int64_t second = unix_ms / 1000; second != second_) put_second(second);
  put_three(head_.data() + kBeforeTimestamp.size() + kSecondBytes,
            static_cast<std::uint32_t>(unix_ms - second_ * 1000));
}

char* AccessLog::put_line(char* out, const AccessRecord& record, bool is_sample) {
  out = put(out, std::string_view(head_));
  out = put_text(out, record.app_id, kAppRoom);
  out = put(out, R"(","revision":)");
  out = put_number(out, static_cast<std::uint64_t>(std::max<std::int64_t>(record.revision, 0)));
  out = put(out, R"(,"method":")");
  out = put_text(out, record.method, kMethodRoom);
  out = put(out, R"(","path":")");
  out = put_text(out, record.path, kPathRoom);
  out = put(out, R"(","status":)");
  out = put_number(out, static_cast<std::uint64_t>(std::max(record.status, 0)));
  out = put(out, R"(,"ms":)");
  out = put_millis(out, record.took);
  out = put(out, R"(,"bytes_in":)");
  out = put_number(out, record.bytes_in);
  out = put(out, R"(,"bytes_out":)");
  out = put_number(out, record.bytes_out);
  out = put(out, R"(,"end":")");
  out = put_text(out, record.end, kEndRoom);
  out = put(out, R"(","request_id":")");
  out = put_text(out, record.request_id, kIdRoom);
  out = put(out, R"(","surface":")");
  out = put(out, to_string(record.surface));
  out = record.protocol == net::Protocol::Http2 ? put(out, R"(","protocol":"h2","target":")")
                                                : put(out, R"(","protocol":"http/1","target":")");
  out = put_text(out, record.target, kTargetRoom);
  out = put(out, R"(","retries":)");
  out = put_number(out, static_cast<std::uint64_t>(std::max(record.retries, 0)));
  if (!record.trace_id.empty()) {
    out = put(out, R"(,"trace_id":")");
    out = put_text(out, record.trace_id, kIdRoom);
    *out++ = '"';
  }
  if (record.grpc_status >= 0) {
    out = put(out, R"(,"grpc_status":)");
    out = put_number(out, static_cast<std::uint64_t>(record.grpc_status));
  }
  if (record.to_head.count() >= 0) {
    out = put(out, R"(,"ttfb_ms":)");
    out = put_millis(out, record.to_head);
  }
  if (is_sample) {
    out = put(out, R"(,"sampled":)");
    out = put_number(out, choice_.one_of);
  }
  return put(out, "}\n");
}

void AccessLog::write(const AccessRecord& record) {
  bool is_sample = false;
  if (!wants(record, is_sample)) return;
  put_time(record.ended_at);
  if (!make_room()) {
    ++dropped_;
    if (!timer_.is_set()) wait_to_flush();
    return;
  }
  if (dropped_.value() != dropped_told_) put_dropped();
  char* const begin = buffer_->bytes.data() + buffer_->used;
  buffer_->used += static_cast<std::size_t>(put_line(begin, record, is_sample) - begin);
  if (!timer_.is_set()) wait_to_flush();
}

bool AccessLog::make_room() {
  // Three lines: two may have to tell what was dropped, one of them at the end.
  if (buffer_->used + 3 * kMaxAccessLine <= buffer_->bytes.size()) return true;
  return writer_.exchange(buffer_);
}

void AccessLog::put_dropped() {
  // The time is that of the last line, written or dropped.
  std::memcpy(warning_head_.data() + kBeforeWarningTime.size(),
              head_.data() + kBeforeTimestamp.size(), kTimestampForm.size());
  char* const begin = buffer_->bytes.data() + buffer_->used;
  char* out = put(begin, std::string_view(warning_head_));
  out = put_number(out, static_cast<std::uint64_t>(dropped_.value() - dropped_told_));
  out = put(out, "}\n");
  dropped_told_ = dropped_.value();
  buffer_->used += static_cast<std::size_t>(out - begin);
}

void AccessLog::wait_to_flush() {
  timer_ = loop_.after(kAccessLogDelay, [this] {
    timer_.cancel();
    flush();
    if (dropped_.value() != dropped_told_ && make_room()) put_dropped();
    // The writer has its fill: what is here waits with it.
    if (buffer_->used > 0) wait_to_flush();
  });
}

void AccessLog::flush() {
  if (buffer_->used > 0) writer_.exchange(buffer_);
}

}  // namespace pixell::edge
