#include "edge/access_log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/json_line.hpp"
#include "base/limits.hpp"
#include "edge/limits.hpp"

namespace pixell::edge {

namespace {

// Room for each text in a line, in bytes of its escaped form.
constexpr std::size_t kAppRoom = 128;
constexpr std::size_t kMethodRoom = 64;
constexpr std::size_t kPathRoom = 2048;
constexpr std::size_t kEndRoom = 64;
constexpr std::size_t kIdRoom = 256;
constexpr std::size_t kTargetRoom = 256;
constexpr std::size_t kMaxFixed = 512;
static_assert(kMaxLogLineHead + kMaxFixed + kAppRoom + kMethodRoom + kPathRoom + kEndRoom +
                  2 * kIdRoom + kTargetRoom <=
              kMaxLogLine);

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

AccessLog::AccessLog(net::EventLoop& loop, LogWriter& writer, const Log& log,
                     AccessLogChoice choice, std::size_t loop_number)
    : choice_(choice),
      lines_(loop, writer, log,
             {.event = "request", .more = fmt::format(",\"loop\":{}", loop_number)}) {
  if (!log.writes(LogLevel::Info)) choice_.lines = AccessLogChoice::Lines::None;
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

void AccessLog::write(const AccessRecord& record) {
  bool is_sample = false;
  if (!wants(record, is_sample)) return;
  if (char* out = lines_.begin_line(record.ended_at))
    lines_.end_line(put_line(out, record, is_sample));
}

char* AccessLog::put_line(char* out, const AccessRecord& record, bool is_sample) const {
  out = put(out, R"(,"agentAppId":")");
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
  return out;
}

}  // namespace pixell::edge
