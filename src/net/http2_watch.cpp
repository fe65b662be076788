#include <algorithm>
#include <utility>
#include <vector>

#include "net/http2_io.hpp"
#include "net/limits.hpp"

// What a connection looks at when time passes: peers that are idle, silent, or do not read.

namespace pixell::net {

bool Http2Progress::has_stalled(bool is_waiting, std::uint64_t moved, Instant now, Millis limit) {
  if (!is_waiting || moved != moved_ || since_ == Instant::max()) {
    moved_ = moved;
    since_ = is_waiting ? now : Instant::max();
    return false;
  }
  return now - since_ >= limit;
}

void Http2Io::watch(Http2Times times) {
  times_ = times;
  arm_tick();
}

// One timer looks now and then, so that a request costs no timer.
void Http2Io::arm_tick() {
  const Instant now = loop_.clock().now();
  Instant due = idle_since_ + times_.idle;
  if (!streams_.empty()) due = now + times_.idle;
  if (role_ == Role::Server) {
    if (is_ping_out_) due = std::min(due, ping_at_ + kH2PingTimeout);
    // Also while there is no stream: opening the first does not touch the timer.
    due = std::min({due, now + kH2PingAfter,
                    now + std::min({times_.head, times_.send_stall, times_.body_stall})});
  }
  const auto wait = std::chrono::ceil<Millis>(due - now);
  tick_ = loop_.after(std::max(wait, Millis(1)), [this] { tick(); });
}

void Http2Io::tick() {
  if (is_closed_) return;
  const Instant now = loop_.clock().now();
  if (streams_.empty()) {
    if (now - idle_since_ >= times_.idle) {
      // A GOAWAY that could not be written within one more period is not waited for.
      if (std::exchange(is_idle_expired_, true)) {
        close(AbortReason::Timeout);
      } else {
        idle_expired();
      }
      if (is_closed_) return;
      idle_since_ = now;
    }
  } else if (role_ == Role::Server) {
    look_at_peer(now);
    if (is_closed_) return;
  }
  arm_tick();
}

void Http2Io::look_at_peer(Instant now) {
  const bool is_silent = is_ping_out_ && read_at_ < ping_at_ && now - ping_at_ >= kH2PingTimeout;
  const bool reads_nothing =
      progress_.has_stalled(out_.size() > out_sent_, written_, now, times_.send_stall);
  if (is_silent || reads_nothing || is_head_overdue(now)) {
    close(AbortReason::Timeout);
    return;
  }
  cut_stalled_streams(now);
  if (is_closed_) return;
  if (read_at_ >= ping_at_) is_ping_out_ = false;
  if (!is_ping_out_ && now - read_at_ >= kH2PingAfter) {
    is_ping_out_ = true;
    ping_at_ = now;
    nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
    schedule_flush();
  }
}

void Http2Io::cut_stalled_streams(Instant now) {
  std::vector<std::pair<Http2Stream*, bool>> stalled;
  for (const auto& [key, stream] : streams_) {
    const bool reads_nothing = stream->has_stalled(now, times_.send_stall);
    if (stream->has_stalled_body(now, times_.body_stall) || reads_nothing)
      stalled.emplace_back(key, reads_nothing);
  }
  for (const auto& [stream, reads_nothing] : stalled) {
    if (is_closed_) return;
    // A handler may have ended others of them.
    if (!streams_.contains(stream)) continue;
    reads_nothing ? stream->fail(AbortReason::Timeout, ResetCode::Cancel) : stream->refuse_body();
  }
}

}  // namespace pixell::net
