#include "engine/docker/events.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/percent.hpp"
#include "engine/docker/container_request.hpp"
#include "engine/docker/limits.hpp"

namespace pixell::engine::docker {

using nlohmann::json;

namespace {

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;

}  // namespace

Result<ContainerEvent> parse_event(std::string_view line) try {
  const json document = json::parse(line, nullptr, false);
  if (!document.is_object())
    return make_error(ErrorCode::DataLoss, "a line of Docker's event stream is not JSON");
  return ContainerEvent{.action = document.at("Action").get<std::string>(),
                        .container = document.at("Actor").at("ID").get<std::string>(),
                        .nanos = document.at("timeNano").get<std::int64_t>()};
} catch (const json::exception& wrong) {
  return make_error(ErrorCode::DataLoss,
                    fmt::format("an event of Docker's cannot be read: {}", wrong.what()));
}

Result<void> EventLines::feed(std::string_view bytes) {
  pending_.append(bytes);
  std::size_t begin = 0;
  for (std::size_t end = pending_.find('\n'); end != std::string::npos;
       end = pending_.find('\n', begin)) {
    const std::string_view line = std::string_view(pending_).substr(begin, end - begin);
    begin = end + 1;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    TRY(const ContainerEvent event, parse_event(line));
    take_(event);
  }
  pending_.erase(0, begin);
  if (pending_.size() > kMaxEventBytes)
    return make_error(ErrorCode::DataLoss, "a line of Docker's event stream is too long");
  return {};
}

std::string events_path(const std::string& installation, std::int64_t since_nanos) {
  const json filters = {
      {"type", {"container"}},
      {"label", {fmt::format("{}={}", kInstallationLabel, installation)}},
      // Not those of health checks, which come every few seconds for every container.
      {"event", {"create", "start", "die", "destroy", "oom", "pause", "unpause", "health_status"}}};
  return fmt::format("/events?since={}.{:09}&filters={}", since_nanos / kNanosPerSecond,
                     since_nanos % kNanosPerSecond, percent_encode(filters.dump()));
}

}  // namespace pixell::engine::docker
