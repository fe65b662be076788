#include "cmd/pac/commands/logs.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <nlohmann/json.hpp>
#include <set>

#include "api/limits.hpp"
#include "base/ids.hpp"
#include "base/percent.hpp"
#include "cmd/pac/arguments.hpp"
#include "cmd/pac/commands/log_line.hpp"
#include "cmd/pac/commands/names.hpp"
#include "cmd/pac/limits.hpp"

namespace pixell::cmd {

using nlohmann::json;

namespace {

// Where the lines come from.
struct LogSource {
  std::string path;      // of the API, without a query
  std::string instance;  // full id; empty = all of an app
};

Outcome<LogSource> source_of(const Session& session, const LogOptions& options) {
  const auto of_instance = [](const json& instance) {
    const std::string id = instance.at("id");
    return LogSource{.path = "/v1/instances/" + percent_encode(id) + "/logs", .instance = id};
  };
  if (!options.instance.empty()) {
    const auto instance = find_instance(session, options.instance, options.name);
    if (!instance) return std::unexpected(instance.error());
    return of_instance(*instance);
  }
  if (!is_ulid(options.name)) {
    const auto app = get_app(session, options.name);
    if (app) return LogSource{.path = app_path(options.name, "/logs"), .instance = {}};
    if (app.error().code != ExitCode::NotFound) return std::unexpected(app.error());
  }
  const auto instance = find_instance(session, options.name, {});
  if (!instance) return std::unexpected(instance.error());
  return of_instance(*instance);
}

// Shows each line once, also when reading begins anew at the moment of the last one.
class LogReader {
 public:
  LogReader(const Session& session, const LogOptions& options, LogSource source)
      : session_(session), options_(options), source_(std::move(source)), since_(options.since) {}

  // One answer of the API, to its end.
  Outcome<void> read() {
    const std::string query =
        query_of({{"since", since_},
                  // What is asked for by time is asked for whole.
                  {"bytes", since_.empty() ? "" : std::to_string(api::kMaxLogBytes)},
                  {"revision", options_.revision && source_.instance.empty()
                                   ? std::to_string(*options_.revision)
                                   : std::string()},
                  {"follow", options_.follow ? "true" : ""}});
    known_ = shown_at_since_;
    return session_.api.stream(source_.path + query, [this](std::string_view line) {
      take(line);
      return true;
    });
  }

  // True when nothing more will be written.
  Outcome<bool> is_over() const {
    if (source_.instance.empty()) return false;
    const auto reply = session_.api.get("/v1/instances/" + percent_encode(source_.instance));
    if (!reply && reply.error().code == ExitCode::NotFound) return true;
    if (!reply) return std::unexpected(reply.error());
    const std::string phase = reply->at("instance").at("phase");
    return phase == "stopped" || phase == "failed";
  }

  bool has_heard() { return std::exchange(has_heard_, false); }

 private:
  void take(std::string_view line) {
    has_heard_ = true;
    // What was shown of the moment at which reading began anew comes again.
    const auto known = known_.find(line);
    if (known != known_.end()) {
      known_.erase(known);
      return;
    }
    if (options_.follow) remember(line);
    if (options_.raw || session_.wants_json)
      show(std::string(line) + "\n");
    else
      show(show_log_line(line, source_.instance, session_.screen.has_colour) + "\n");
  }

  void remember(std::string_view line) {
    const json read = json::parse(line, nullptr, false);
    const std::string at = read.is_object() ? text_at(read, "timestamp") : std::string();
    if (parse_iso8601(at) && at != since_) {
      since_ = at;
      shown_at_since_.clear();
    }
    if (shown_at_since_.size() < kMaxRememberedLines) shown_at_since_.emplace(line);
  }

  const Session& session_;
  const LogOptions& options_;
  LogSource source_;
  std::string since_;
  std::multiset<std::string, std::less<>> shown_at_since_;
  std::multiset<std::string, std::less<>> known_;
  bool has_heard_ = false;
};

}  // namespace

Outcome<void> print_logs(const Session& session, const LogOptions& options) {
  const auto source = source_of(session, options);
  if (!source) return std::unexpected(source.error());
  LogReader reader(session, options, *source);
  Instant last_heard = session.clock.now();
  while (true) {
    const auto read = reader.read();
    if (!options.follow) return read;
    if (reader.has_heard() || read) last_heard = session.clock.now();
    if (!read && (read.error().code != ExitCode::NotReachable ||
                  session.clock.now() - last_heard >= kFollowAway))
      return read;
    if (read) {
      const auto over = reader.is_over();
      if (over && *over) return {};
    }
    ::poll(nullptr, 0, static_cast<int>(kAwayPause.count()));
  }
}

}  // namespace pixell::cmd
