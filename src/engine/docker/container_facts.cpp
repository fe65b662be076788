#include "engine/docker/container_facts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/docker/container_request.hpp"
#include "engine/docker/log_frames.hpp"

namespace pixell::engine::docker {

using nlohmann::json;

namespace {

constexpr std::int64_t kNanosPerMilli = 1'000'000;

Result<UnixMillis> time_in(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string() || found->get_ref<const std::string&>().empty())
    return UnixMillis(0);
  TRY(const std::int64_t nanos, parse_docker_time(found->get_ref<const std::string&>()));
  return nanos / kNanosPerMilli;
}

// An object or, where Docker has null for an empty one, an empty one.
const json& object_in(const json& object, const char* name) {
  static const json kNone = json::object();
  const auto found = object.find(name);
  return found != object.end() && found->is_object() ? *found : kNone;
}

// The published port when there is one, else the address in the container's own network.
std::string address_in(const json& settings) {
  const auto ports = object_in(settings, "Ports").find(kRestPortName);
  if (ports != object_in(settings, "Ports").end() && ports->is_array() && !ports->empty()) {
    const json& first = ports->front();
    return fmt::format("{}:{}", first.at("HostIp").get<std::string>(),
                       first.at("HostPort").get<std::string>());
  }
  for (const auto& [name, network] : object_in(settings, "Networks").items()) {
    const std::string ip = network.value("IPAddress", std::string());
    if (!ip.empty()) return fmt::format("{}:{}", ip, kRestPort);
  }
  return {};
}

void read_health(const json& state, ContainerFacts& facts) {
  const json& health = object_in(state, "Health");
  facts.is_unhealthy = health.value("Status", std::string()) == "unhealthy";
  const auto log = health.find("Log");
  if (log == health.end() || !log->is_array() || log->empty()) return;
  facts.health_output = log->back().value("Output", std::string());
}

}  // namespace

std::string ContainerFacts::label(const char* wanted) const {
  const auto found = labels.find(wanted);
  return found == labels.end() ? std::string() : found->second;
}

Result<ContainerFacts> container_from_inspect(const json& answer) try {
  ContainerFacts facts;
  facts.id = answer.at("Id").get<std::string>();
  facts.name = answer.at("Name").get<std::string>();
  if (facts.name.starts_with('/')) facts.name.erase(0, 1);
  for (const auto& [name, value] : object_in(answer.at("Config"), "Labels").items())
    facts.labels[name] = value.get<std::string>();
  TRY(facts.created_at, time_in(answer, "Created"));
  const json& state = answer.at("State");
  facts.state = state.at("Status").get<std::string>();
  facts.pid = state.value("Pid", std::int64_t(0));
  facts.exit_code = state.value("ExitCode", 0);
  facts.ran_out_of_memory = state.value("OOMKilled", false);
  facts.error = state.value("Error", std::string());
  TRY(facts.started_at, time_in(state, "StartedAt"));
  TRY(facts.finished_at, time_in(state, "FinishedAt"));
  read_health(state, facts);
  facts.address = address_in(object_in(answer, "NetworkSettings"));
  return facts;
} catch (const json::exception& wrong) {
  return make_error(ErrorCode::DataLoss,
                    fmt::format("Docker's word on a container cannot be read: {}", wrong.what()));
}

Result<model::InstanceUsage> usage_from_stats(const json& answer) try {
  const json& memory = answer.at("memory_stats");
  const json& details = object_in(memory, "stats");
  // Control groups of version 1 have the sums of their children by names of their own.
  const auto inactive =
      details.value("total_inactive_file", details.value("inactive_file", std::int64_t(0)));
  const auto used = memory.at("usage").get<std::int64_t>();
  const auto cpu_ns = answer.at("cpu_stats").at("cpu_usage").at("total_usage").get<std::int64_t>();
  return model::InstanceUsage{.cpu_seconds = double(cpu_ns) / 1e9,
                              .memory_bytes = std::max(used - inactive, std::int64_t(0)),
                              .threads = answer.at("pids_stats").at("current").get<std::int64_t>()};
} catch (const json::exception& failure) {
  return make_error(
      ErrorCode::DataLoss,
      fmt::format("Docker's figures of a container cannot be read: {}", failure.what()));
}

Result<ContainerRow> container_row(const json& row) try {
  return ContainerRow{.id = row.at("Id").get<std::string>(),
                      .state = row.at("State").get<std::string>()};
} catch (const json::exception& wrong) {
  return make_error(ErrorCode::DataLoss,
                    fmt::format("Docker's list of containers cannot be read: {}", wrong.what()));
}

}  // namespace pixell::engine::docker
