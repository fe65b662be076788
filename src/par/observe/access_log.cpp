#include "par/observe/access_log.hpp"

#include <algorithm>

#include "base/json_line.hpp"
#include "base/limits.hpp"

namespace pixell::par {

namespace {

// Room for each text in a line, in bytes of its escaped form.
constexpr std::size_t kMethodRoom = 64;
constexpr std::size_t kPathRoom = 2048;
constexpr std::size_t kIdRoom = 256;
constexpr std::size_t kStatusRoom = 64;
constexpr std::size_t kMaxFixed = 512;
static_assert(kMaxLogLineHead + kMaxFixed + kMethodRoom + kPathRoom + 3 * kIdRoom + kStatusRoom <=
              kMaxLogLine);

}  // namespace

void AccessLog::write(const AccessRecord& record) {
  if (!is_on_) return;
  char* out = lines_.begin_line(record.ended_at);
  if (out == nullptr) return;
  out = put(out, R"(,"method":")");
  out = put_text(out, record.method, kMethodRoom);
  out = put(out, R"(","url":")");
  out = put_text(out, record.path, kPathRoom);
  out = put(out, R"(","status_code":)");
  out = put_number(out, static_cast<std::uint64_t>(std::max(record.status, 0)));
  out = put(out, R"(,"process_time":)");
  out = put_seconds(out, record.took);
  out = put(out, R"(,"trace_id":")");
  out = put_text(out, text_of(record.trace.trace_id), kIdRoom);
  out = put(out, R"(","span_id":")");
  out = put_text(out, text_of(record.trace.span_id), kIdRoom);
  out = put(out, R"(","request_id":")");
  out = put_text(out, record.trace.request_id, kIdRoom);
  if (!record.grpc_status.empty()) {
    out = put(out, R"(","grpc_status":")");
    out = put_text(out, record.grpc_status, kStatusRoom);
  }
  out = put(out, "\"");
  lines_.end_line(out);
}

}  // namespace pixell::par
