#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "api/event_query.hpp"
#include "api/handlers.hpp"
#include "api/limits.hpp"
#include "api/pause.hpp"
#include "api/resource_bodies.hpp"

namespace pixell::api {

namespace {

/// Events as they happen, from a position on.
class EventFeed {
 public:
  EventFeed(const ApiContext& context, store::EventFilter filter)
      : context_(context), filter_(std::move(filter)) {
    filter_.limit = kWatchedEvents;
  }

  /// The events after those given before; waits for some at most that long.
  Result<std::vector<store::Event>> next(Millis timeout) {
    const Instant deadline = context_.clock.now() + timeout;
    while (true) {
      // Asked before the events are read: what comes in between makes the wait return at once.
      TRY(const std::int64_t seen, context_.store.last_event());
      TRY(auto events, context_.store.events(filter_));
      if (!events.empty()) {
        filter_.after = events.back().sequence;
        return events;
      }
      // Nothing up to there is of interest: it need not be searched again.
      filter_.after = std::max(filter_.after, seen);
      const auto left = std::chrono::duration_cast<Millis>(deadline - context_.clock.now());
      if (left.count() <= 0 || context_.stop.stop_requested()) return events;
      TRY_VOID(context_.store.wait_for_change(seen, left, context_.stop));
    }
  }

 private:
  const ApiContext& context_;
  store::EventFilter filter_;
};

std::string server_sent(const store::Event& event) {
  return fmt::format(
      "id: {}\nevent: {}\ndata: {}\n\n", event.sequence, event.kind,
      event_body(event).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

// write() blocks while the client is slow, so that nothing piles up.
void stream_events(const ApiContext& context, net::ReplyWriter& writer, EventFeed& feed) {
  Instant spoken = context.clock.now();
  while (!context.stop.stop_requested() && !writer.client_gone()) {
    const auto events = feed.next(kWatchTurn);
    if (!events) {
      context.log.warning("A watch ended", {{"error", events.error().message}});
      return;
    }
    std::string text;
    for (const store::Event& event : *events) text += server_sent(event);
    if (text.empty() && context.clock.now() - spoken >= kKeepAlivePause) text = ": keep-alive\n\n";
    if (text.empty()) continue;
    if (!writer.write(std::move(text))) return;
    spoken = context.clock.now();
  }
}

// A stream that broke off goes on behind the last event its client saw.
void go_on_after_last(const Call& call, Parameters& parameters, store::EventFilter& filter) {
  const auto last = call.head.headers.get("last-event-id");
  if (!last || last->empty()) return;
  std::int64_t sequence = -1;
  const auto [end, failed] = std::from_chars(last->data(), last->data() + last->size(), sequence);
  if (failed == std::errc() && end == last->data() + last->size() && sequence >= 0)
    filter.after = sequence;
  else
    parameters.add("Last-Event-ID", fmt::format("Last-Event-ID must be the sequence number of an "
                                                "event, not '{}'",
                                                last->substr(0, 80)));
}

bool wants_stream(const Call& call) {
  return call.head.headers.get("accept").value_or("").contains("text/event-stream");
}

}  // namespace

Reply watch(const ApiContext& context, Call& call) {
  Parameters parameters(call);
  store::EventFilter filter = read_event_filter(parameters);
  const Millis timeout(
      parameters.number("timeout_ms", kUsualWatchTimeout.count(), 0, kMaxPollTimeout.count()));
  go_on_after_last(call, parameters, filter);
  if (auto wrong = parameters.wrong()) return std::move(*wrong);
  const Waits::Place place = context.waits.take();
  if (place == nullptr) return too_many_waiting();
  if (!wants_stream(call)) {
    const std::int64_t after = filter.after;
    const auto events = EventFeed(context, std::move(filter)).next(timeout);
    if (!events) return problem(context, events.error());
    return events_reply(*events, after);
  }
  Reply reply{.content_type = "text/event-stream"};
  reply.headers.add("cache-control", "no-store");
  reply.headers.add("x-accel-buffering", "no");
  reply.stream = [&context, place, filter](net::ReplyWriter& writer) {
    EventFeed feed(context, filter);
    stream_events(context, writer, feed);
  };
  return reply;
}

}  // namespace pixell::api
