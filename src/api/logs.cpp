#include <nlohmann/json.hpp>

#include "api/handlers.hpp"
#include "api/limits.hpp"
#include "api/log_reader.hpp"
#include "api/lookups.hpp"
#include "api/merged_log.hpp"
#include "api/moments.hpp"
#include "api/parameters.hpp"
#include "api/pause.hpp"

namespace pixell::api {

namespace {

LogWanted read_wanted(const ApiContext& context, Parameters& parameters) {
  LogWanted wanted;
  if (const std::string since = parameters.text("since"); !since.empty()) {
    wanted.since = parse_since(since, context.clock.unix_now());
    if (!wanted.since)
      parameters.add("since", "since '" + since.substr(0, 80) +
                                  "' must be a moment like 2026-01-31T10:00:00Z, or how long ago: "
                                  "90s, 15m, 2h, 1d");
  }
  // Who asks for a time wants all of it.
  const std::size_t usual = wanted.since ? kMaxLogBytes : kDefaultLogBytes;
  wanted.bytes =
      std::size_t(parameters.number("bytes", std::int64_t(usual), 1, std::int64_t(kMaxLogBytes)));
  wanted.is_following = parameters.flag("follow", false);
  return wanted;
}

std::string text_of(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) {
    text += line;
    text += '\n';
  }
  return text;
}

Reply log_reply(std::string text) {
  return {.status = 200, .body = std::move(text), .content_type = "application/x-ndjson"};
}

/// Writes what `turn` gives until the client goes, the API stops, or there is no more (none).
template <class Turn>
void follow(const ApiContext& context, net::ReplyWriter& writer, Turn turn) {
  while (!context.stop.stop_requested() && !writer.client_gone()) {
    const std::optional<std::string> text = turn();
    if (!text) return;
    if (!text->empty() && !writer.write(*text)) return;
    if (text->empty()) pause(context, kFollowPause);
  }
}

// An instance's new lines; none when it has ended and all was read, or cannot be read any more.
std::optional<std::string> new_lines(const ApiContext& context, std::string_view instance,
                                     LogReader& reader) {
  // Asked first: what it wrote before it ended is read then.
  const auto ended = has_ended(context, instance);
  auto lines = reader.more();
  const bool is_over = !lines || !ended || *ended;
  if (lines && !lines->empty()) return text_of(*lines);
  if (!is_over) return std::string();
  lines = reader.rest();
  if (lines->empty()) return std::nullopt;
  return text_of(*lines);
}

}  // namespace

Reply get_instance_log(const ApiContext& context, Call& call) {
  Parameters parameters(call);
  LogWanted wanted = read_wanted(context, parameters);
  wanted.from = parameters.number("from", -1, 0, kMaxWireNumber);
  if (auto wrong = parameters.wrong()) return std::move(*wrong);
  const std::string instance = call.params[0];
  const auto reader = std::make_shared<LogReader>(context, instance, wanted);
  auto lines = reader->begin();
  if (!lines) return problem(context, lines.error());
  if (!wanted.is_following) {
    for (std::string& line : reader->rest()) lines->push_back(std::move(line));
    Reply reply = log_reply(text_of(*lines));
    reply.headers.add("x-log-next", std::to_string(reader->next()));
    return reply;
  }
  const Waits::Place place = context.waits.take();
  if (place == nullptr) return too_many_waiting();
  Reply reply = log_reply({});
  reply.stream = [&context, place, instance, reader,
                  first = text_of(*lines)](net::ReplyWriter& writer) {
    if (!first.empty() && !writer.write(first)) return;
    follow(context, writer, [&] { return new_lines(context, instance, *reader); });
  };
  return reply;
}

Reply get_app_log(const ApiContext& context, Call& call) {
  Parameters parameters(call);
  const LogWanted wanted = read_wanted(context, parameters);
  const std::int64_t revision = parameters.number("revision", 0, 1, kMaxWireNumber);
  if (auto wrong = parameters.wrong()) return std::move(*wrong);
  const auto app = find_app(context, call.params[0]);
  if (!app) return app.error();
  const auto log = std::make_shared<MergedLog>(
      context, MergedLog::Which{.app_id = app->id, .revision = revision}, wanted);
  auto lines = log->begin();
  if (!lines) return problem(context, lines.error());
  if (!wanted.is_following) return log_reply(text_of(*lines));
  const Waits::Place place = context.waits.take();
  if (place == nullptr) return too_many_waiting();
  Reply reply = log_reply({});
  reply.stream = [&context, place, log, first = text_of(*lines)](net::ReplyWriter& writer) {
    if (!first.empty() && !writer.write(first)) return;
    follow(context, writer, [&]() -> std::optional<std::string> {
      const auto more = log->more();
      if (!more) return std::nullopt;
      return text_of(*more);
    });
  };
  return reply;
}

}  // namespace pixell::api
