#include "engine/docker/docker_engine.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/process.hpp"
#include "engine/docker/docker_engine_impl.hpp"
#include "engine/docker/limits.hpp"
#include "engine/records/installation_mark.hpp"
#include "net/client.hpp"

namespace pixell::engine::docker {

using model::InstancePhase;
using nlohmann::json;

namespace {

// Who the processes of a container are when pac is root; images/par has the same number.
constexpr uid_t kContainerUser = 10'001;

// Ids are ours; here they must only not leave their path segment.
Result<void> check_id(std::string_view id) { return model::check_app_id(id); }

bool is_port_range(std::string_view text) {
  const std::size_t dash = std::min(text.find('-'), text.size());
  const auto port = [](std::string_view digits) {
    unsigned number = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    const bool is_whole = read.ec == std::errc() && read.ptr == digits.data() + digits.size();
    return is_whole && number <= 65'535 ? number : 0;
  };
  const unsigned first = port(text.substr(0, dash));
  const unsigned last = dash == text.size() ? first : port(text.substr(dash + 1));
  return first > 0 && first <= last;
}

std::vector<std::string> notes_on(const json& info) {
  std::vector<std::string> notes;
  const auto lacks = [&info](const char* name) { return !info.value(name, false); };
  if (lacks("MemoryLimit")) notes.push_back("the Docker daemon cannot limit memory");
  if (lacks("CpuCfsQuota")) notes.push_back("the Docker daemon cannot limit processor time");
  if (lacks("PidsLimit")) notes.push_back("the Docker daemon cannot limit processes");
  if (lacks("LiveRestoreEnabled"))
    notes.push_back(
        "the Docker daemon stops agents when it restarts: set live-restore in its daemon.json");
  const json options = info.value("SecurityOptions", json::array());
  const bool has_seccomp = std::any_of(options.begin(), options.end(), [](const json& option) {
    return option.is_string() && option.get<std::string>().find("seccomp") != std::string::npos;
  });
  if (!has_seccomp) notes.push_back("the Docker daemon filters no system calls (seccomp)");
  return notes;
}

}  // namespace

Result<PublishSetting> parse_publish(const std::string& text) {
  if (text.empty()) return PublishSetting{};
  const std::size_t colon = std::min(text.find(':'), text.size());
  PublishSetting setting{.host = text.substr(0, colon),
                         .ports = colon < text.size() ? text.substr(colon + 1) : std::string()};
  const bool has_ports = colon < text.size();
  if (!net::parse_address(setting.host + ":1") || (has_ports && !is_port_range(setting.ports)))
    return make_error(ErrorCode::InvalidArgument,
                      fmt::format("'{}' is no place to publish ports at; give it like 127.0.0.1 or "
                                  "127.0.0.1:20000-20999",
                                  text));
  return setting;
}

DockerEngine::DockerEngine(const DockerOptions& options, PublishSetting publish,
                           const std::filesystem::path& memory)
    : settings_(options.settings),
      publish_(std::move(publish)),
      clock_(options.clock),
      log_(options.log.with("engine", "docker")),
      installation_(installation_mark(options.state_dir).text),
      user_(::geteuid() == 0 ? kContainerUser : ::geteuid()),
      api_(options.settings.socket),
      places_({.root = options.state_dir / "docker",
               .memory = memory / ("pixell-" + installation_),
               .user = user_,
               .environment = own_environment()}),
      watch_({.api = api_,
              .installation = installation_,
              .clock = clock_,
              .log = log_,
              .on_unhealthy = [this](const std::string& container) { on_unhealthy(container); },
              .on_overdue = [this](const std::string& instance) { on_overdue(instance); }}) {}

Capabilities DockerEngine::capabilities() {
  Capabilities can;
  can.name = "docker";
  const auto info = api_.get("/info");
  if (!info) {
    can.notes.push_back(info.error().message);
    return can;
  }
  try {
    can.memory_limits = info->value("MemoryLimit", false);
    can.cpu_limits = info->value("CpuCfsQuota", false);
    can.notes = notes_on(*info);
  } catch (const json::exception& wrong) {
    can.notes.push_back(fmt::format("Docker's word on itself cannot be read: {}", wrong.what()));
  }
  can.notes.push_back(
      fmt::format("agents have the same user ({}), each in a container of its own", user_));
  return can;
}

// ------------------------------------------------------------------------------------- looking

Result<ContainerFacts> DockerEngine::find(const std::string& instance_id) {
  TRY_VOID(check_id(instance_id));
  const std::string name = container_name(instance_id);
  auto answer = api_.get("/containers/" + name + "/json");
  if (!answer && answer.error().code == ErrorCode::NotFound)
    return make_error(ErrorCode::NotFound, fmt::format("there is no instance {}", instance_id));
  if (!answer) return std::move(answer).error();
  TRY(ContainerFacts facts, container_from_inspect(*answer));
  // Docker finds containers by a beginning of their id too.
  if (facts.name != name)
    return make_error(ErrorCode::NotFound, fmt::format("there is no instance {}", instance_id));
  if (facts.label(kInstallationLabel) != installation_)
    return make_error(ErrorCode::FailedPrecondition,
                      fmt::format("the container {} is not of this installation: rename or remove "
                                  "it",
                                  name));
  return facts;
}

Result<std::vector<ContainerRow>> DockerEngine::rows() {
  TRY(const json answer,
      api_.get("/containers/json?all=1&filters=" +
               label_filter(fmt::format("{}={}", kInstallationLabel, installation_))));
  std::vector<ContainerRow> found;
  if (!answer.is_array())
    return make_error(ErrorCode::DataLoss, "Docker's list of containers cannot be read");
  for (const json& one : answer) {
    TRY(ContainerRow row, container_row(one));
    found.push_back(std::move(row));
  }
  return found;
}

Result<ContainerFacts> DockerEngine::facts_of(const ContainerRow& row) {
  {
    const std::lock_guard lock(mutex_);
    const auto known = known_.find(row.id);
    if (known != known_.end() && known->second.state == row.state) return known->second;
  }
  TRY(const json answer, api_.get("/containers/" + row.id + "/json"));
  TRY(ContainerFacts facts, container_from_inspect(answer));
  const std::lock_guard lock(mutex_);
  known_[row.id] = facts;
  return facts;
}

model::Instance DockerEngine::view(const ContainerFacts& facts) {
  const std::string id = facts.label(kInstanceLabel);
  const ParRecords par = places_.read_par(id);
  const EngineRecords records = places_.read_engine(id, log_);
  follow(facts, records);
  if (facts.has_ended() || (par.state && par.state->ready)) places_.remove_environment(id);
  if (!needs_evidence(facts, par, records)) return view_instance(facts, par, records);
  const auto end = log_copy(id)->read(api_, facts.id, true, {.max_bytes = kMaxEvidenceBytes});
  return view_instance(
      facts, par, records,
      end ? last_lines(end->text, kEvidenceLines) : std::vector<std::string>{end.error().message});
}

void DockerEngine::follow(const ContainerFacts& facts, const EngineRecords& records) {
  const std::string id = facts.label(kInstanceLabel);
  if (facts.has_ended()) return watch_.forget(id);
  watch_.watch_records(id, places_.par_directory(id));
  if (records.stop) watch_.set_deadline(id, records.stop->deadline);
}

Result<std::vector<model::Instance>> DockerEngine::list() {
  TRY_VOID(watch_.start());
  TRY(const std::vector<ContainerRow> found, rows());
  std::vector<model::Instance> instances;
  std::set<std::string> ids;
  for (const ContainerRow& row : found) {
    if (row.state == "removing") continue;
    auto facts = facts_of(row);
    if (!facts && facts.error().code == ErrorCode::NotFound) continue;  // gone since
    if (!facts) return std::move(facts).error();
    ids.insert(row.id);
    if (!model::check_app_id(facts->label(kInstanceLabel))) continue;  // not made by an engine
    instances.push_back(view(*facts));
  }
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(known_, [&](const auto& entry) { return !ids.contains(entry.first); });
  }
  if (is_collection_due()) collect(found);
  return instances;
}

Result<model::Instance> DockerEngine::inspect(std::string_view instance_id) {
  TRY_VOID(watch_.start());
  TRY(const ContainerFacts facts, find(std::string(instance_id)));
  return view(facts);
}

Result<model::InstanceUsage> DockerEngine::usage(std::string_view instance_id) {
  TRY(const ContainerFacts facts, find(std::string(instance_id)));
  if (facts.has_ended() || !facts.was_started()) return does_not_run(instance_id);
  // Without "one-shot" the daemon waits for a second sample, a second later.
  TRY(const json answer,
      api_.get(fmt::format("/containers/{}/stats?stream=false&one-shot=true", facts.id)));
  return usage_from_stats(answer);
}

Result<LogPiece> DockerEngine::read_log(std::string_view instance_id, const LogRange& range) {
  const std::string id(instance_id);
  TRY(const ContainerFacts facts, find(id));
  return log_copy(id)->read(api_, facts.id, facts.has_ended(), range);
}

Result<std::int64_t> DockerEngine::wait_for_change(std::int64_t after, Millis timeout,
                                                   std::stop_token stop) {
  TRY_VOID(watch_.start());
  return watch_.wait(after, timeout, std::move(stop));
}

// ------------------------------------------------------------------------------------- changing

Result<model::Instance> DockerEngine::ensure(const InstanceSpec& spec) {
  TRY_VOID(check_id(spec.id));
  TRY_VOID(model::check_app_id(spec.app_id));
  TRY_VOID(watch_.start());
  const auto mutex = app_mutex(spec.app_id);
  const std::lock_guard lock(*mutex);
  auto seen = start(spec);
  watch_.changed();
  return seen;
}

Result<void> DockerEngine::kill(const std::string& container, const char* signal) {
  auto done = api_.post(fmt::format("/containers/{}/kill?signal={}", container, signal), {});
  if (done) return {};
  // It has ended, or was removed, since it was looked at.
  if (done.error().code == ErrorCode::AlreadyExists || done.error().code == ErrorCode::NotFound)
    return {};
  return std::move(done).error();
}

Result<void> DockerEngine::stop(std::string_view instance_id, Millis grace) {
  const std::string id(instance_id);
  TRY_VOID(watch_.start());
  auto facts = find(id);
  if (!facts && facts.error().code == ErrorCode::NotFound) return {};
  if (!facts) return std::move(facts).error();
  if (facts->has_ended()) return {};
  const InstanceFiles files = places_.records(id);
  TRY(const auto before, files.read_stop());
  const UnixMillis now = clock_.unix_now();
  const StopRecord asked{
      .requested_at = before ? before->requested_at : now,
      .deadline = now + (std::clamp(grace, Millis(0), kMaxGrace) + kStopMargin).count()};
  if (before && before->deadline <= asked.deadline) return {};
  TRY_VOID(files.write_stop(asked));  // before the signal: it says what the end means
  if (!before) TRY_VOID(kill(facts->id, "SIGTERM"));
  watch_.set_deadline(id, asked.deadline);
  watch_.changed();
  return {};
}

Result<void> DockerEngine::remove(std::string_view instance_id) {
  const std::string id(instance_id);
  auto facts = find(id);
  if (!facts && facts.error().code != ErrorCode::NotFound) return std::move(facts).error();
  if (facts) {
    const auto mutex = app_mutex(facts->label(kAppLabel));
    const std::lock_guard lock(*mutex);
    if (!facts->has_ended() && facts->was_started())
      return make_error(ErrorCode::FailedPrecondition,
                        fmt::format("the instance {} runs; stop it first", id));
    // With the anonymous volumes of its image.
    auto removed = api_.remove(fmt::format("/containers/{}?v=1", facts->id));
    if (!removed && removed.error().code != ErrorCode::NotFound) return removed;
    remove_network(facts->label(kAppLabel));
  }
  watch_.forget(id);
  {
    const std::lock_guard lock(mutex_);
    logs_.erase(id);
  }
  TRY_VOID(places_.remove(id));
  watch_.changed();
  return {};
}

std::shared_ptr<LogCopy> DockerEngine::log_copy(const std::string& instance_id) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<LogCopy>& copy = logs_[instance_id];
  if (!copy) copy = std::make_shared<LogCopy>(places_.directory(instance_id));
  return copy;
}

std::shared_ptr<std::mutex> DockerEngine::app_mutex(const std::string& app_id) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<std::mutex>& mutex = app_mutexes_[app_id];
  if (!mutex) mutex = std::make_shared<std::mutex>();
  return mutex;
}

}  // namespace pixell::engine::docker

namespace pixell::engine {

Result<void> check_docker_publish(const std::string& text) {
  TRY(const docker::PublishSetting ignored, docker::parse_publish(text));
  return {};
}

Result<std::unique_ptr<Engine>> make_docker_engine(const DockerOptions& options) {
  if (!options.settings.socket.is_absolute() || !options.state_dir.is_absolute())
    return make_error(ErrorCode::InvalidArgument,
                      "Docker's socket and the state directory need absolute paths");
  TRY(docker::PublishSetting publish, docker::parse_publish(options.settings.publish));
  TRY(const std::filesystem::path memory, docker::memory_directory());
  return std::unique_ptr<Engine>(
      std::make_unique<docker::DockerEngine>(options, std::move(publish), memory));
}

}  // namespace pixell::engine
