#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "model/a2a_task.hpp"
#include "net/event_loop.hpp"
#include "net/stream.hpp"

namespace pixell::par {

class EventStream;

/// The event streams that are open, so that a drain can end them in order.
class EventStreams {
 public:
  /// Each gets a last event that says the task failed, and why, and is finished.
  void end_all(const std::string& reason);

 private:
  friend class EventStream;
  std::set<EventStream*> open_;
};

/// One answer of text/event-stream
/// (https://html.spec.whatwg.org/multipage/server-sent-events.html): padding that pushes it through
/// buffers on the way, the news of one task, a comment whenever it was silent for long, and exactly
/// one final event at its end. Owned by the exchange it answers.
class EventStream {
 public:
  /// `on_cut` is called when end_all() has ended the stream.
  EventStream(net::EventLoop& loop, EventStreams& all, net::ServerStream& stream,
              std::string task_id, std::function<void()> on_cut);
  ~EventStream();
  EventStream(const EventStream&) = delete;
  EventStream& operator=(const EventStream&) = delete;

  /// Sends the head and the padding.
  void open();

  /// Sends what a handler yielded. False when the reader is so far behind that the handler has to
  /// wait for take_behind().
  bool tell(std::string_view event_json);
  /// The reader has caught up: how many events were held against the handler.
  int take_behind();
  int behind() const { return behind_; }

  /// The last event and the end of the answer; `result` is what the handler returned beside events.
  void finish(std::optional<std::string> result);
  void fail(std::string message);
  /// The client is gone: nothing is sent any more.
  void drop();

  bool is_open() const { return is_open_; }

 private:
  friend class EventStreams;
  bool send(const model::TaskStatus& status);
  void end(const model::TaskStatus& last);
  void beat_later();

  net::EventLoop& loop_;
  EventStreams& all_;
  net::ServerStream& stream_;
  std::string task_id_;
  std::function<void()> on_cut_;
  model::TaskProgress progress_;
  net::Timer heartbeat_;
  int behind_ = 0;
  bool is_open_ = false;
};

}  // namespace pixell::par
