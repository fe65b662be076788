#include "par/surface/a2a_events.hpp"

#include <fmt/format.h>

#include <utility>

#include "par/limits.hpp"

namespace pixell::par {

void EventStreams::end_all(const std::string& reason) {
  while (!open_.empty()) {
    EventStream& stream = **open_.begin();
    // Before the last event: what ends the exchange may end the object too.
    const auto on_cut = stream.on_cut_;
    stream.fail(reason);
    on_cut();
  }
}

EventStream::EventStream(net::EventLoop& loop, EventStreams& all, net::ServerStream& stream,
                         std::string task_id, std::function<void()> on_cut)
    : loop_(loop),
      all_(all),
      stream_(stream),
      task_id_(std::move(task_id)),
      on_cut_(std::move(on_cut)) {}

EventStream::~EventStream() { drop(); }

void EventStream::open() {
  is_open_ = true;
  all_.open_.insert(this);
  net::ResponseHead head;
  head.headers.add("content-type", "text/event-stream; charset=utf-8");
  head.headers.add("cache-control", "no-cache");
  head.headers.add("connection", "keep-alive");
  head.headers.add("x-accel-buffering", "no");
  stream_.send_head(head, false);
  stream_.send_data(": " + std::string(kFlushPaddingBytes, '-') + "\n\n");
  beat_later();
}

bool EventStream::tell(std::string_view event_json) {
  if (!is_open_) return true;
  const bool is_keeping_up = send(progress_.event(event_json));
  if (!is_keeping_up) ++behind_;
  return is_keeping_up;
}

int EventStream::take_behind() { return std::exchange(behind_, 0); }

void EventStream::finish(std::optional<std::string> result) {
  end(progress_.finish(std::move(result)));
}

void EventStream::fail(std::string message) { end(progress_.fail(std::move(message))); }

void EventStream::drop() {
  is_open_ = false;
  heartbeat_.cancel();
  all_.open_.erase(this);
}

bool EventStream::send(const model::TaskStatus& status) {
  beat_later();
  return stream_.send_data(
      fmt::format("data: {}\n\n", model::status_notification(task_id_, status)));
}

void EventStream::end(const model::TaskStatus& last) {
  if (!is_open_) return;
  send(last);
  drop();
  stream_.finish();
}

void EventStream::beat_later() {
  heartbeat_ = loop_.after(kHeartbeatPause, [this] {
    stream_.send_data(": heartbeat\n\n");
    beat_later();
  });
}

}  // namespace pixell::par
