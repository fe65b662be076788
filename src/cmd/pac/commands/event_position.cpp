#include "cmd/pac/commands/event_position.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "cmd/pac/arguments.hpp"

namespace pixell::cmd {

using nlohmann::json;

namespace {

// Distance of the first look ahead; each further one is twice as far.
constexpr std::int64_t kFirstStride = 64;

class Search {
 public:
  Search(const ApiClient& api, const std::string& app, UnixMillis since)
      : api_(api), app_(app), since_(since) {}

  // The sequence number of the event next after `after` when it is older than the moment.
  Outcome<std::optional<std::int64_t>> next_old(std::int64_t after) const {
    const auto reply = api_.get(
        "/v1/events" + query_of({{"after", std::to_string(after)}, {"app", app_}, {"limit", "1"}}));
    if (!reply) return std::unexpected(reply.error());
    const json& events = reply->at("events");
    if (events.empty()) return std::nullopt;
    const auto at = parse_iso8601(events.at(0).at("at").get_ref<const std::string&>());
    if (at && *at >= since_) return std::nullopt;
    return events.at(0).at("sequence").get<std::int64_t>();
  }

 private:
  const ApiClient& api_;
  const std::string& app_;
  UnixMillis since_;
};

}  // namespace

Outcome<std::int64_t> event_position(const ApiClient& api, const std::string& app,
                                     UnixMillis since) {
  const Search search(api, app, since);
  std::int64_t old = 0;    // everything up to here is older than the moment
  std::int64_t ahead = 0;  // behind here nothing is
  for (std::int64_t stride = kFirstStride;; stride *= 2) {
    const auto found = search.next_old(ahead);
    if (!found) return std::unexpected(found.error());
    if (!*found) break;
    old = **found;
    ahead = old + stride;
  }
  while (old < ahead) {
    const std::int64_t middle = old + (ahead - old) / 2;
    const auto found = search.next_old(middle);
    if (!found) return std::unexpected(found.error());
    if (*found)
      old = **found;
    else
      ahead = middle;
  }
  return old;
}

}  // namespace pixell::cmd
