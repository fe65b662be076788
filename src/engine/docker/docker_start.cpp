// The part of DockerEngine that makes and starts a container. Each step can be done again: after a
// crash in between, the next ensure() finds what is there by name and label, and goes on.

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/percent.hpp"
#include "engine/docker/docker_engine_impl.hpp"
#include "engine/docker/limits.hpp"
#include "engine/docker/start_failure.hpp"

namespace pixell::engine::docker {

using nlohmann::json;

Result<std::optional<ImageFacts>> DockerEngine::find_image() {
  auto answer = api_.get("/images/" + percent_encode(settings_.image, "/:@") + "/json");
  if (!answer && answer.error().code == ErrorCode::NotFound) return std::optional<ImageFacts>();
  if (!answer) return std::move(answer).error();
  try {
    return std::optional(ImageFacts{.id = answer->at("Id").get<std::string>(),
                                    .architecture = answer->at("Architecture").get<std::string>()});
  } catch (const json::exception& wrong) {
    return make_error(ErrorCode::DataLoss,
                      fmt::format("Docker's word on an image cannot be read: {}", wrong.what()));
  }
}

Result<void> DockerEngine::ensure_network(const std::string& app_id) {
  const std::string name = network_name(installation_, app_id);
  const auto check = [&](const json& found) -> Result<void> {
    if (label_in(found, kInstallationLabel) == installation_) return {};
    return make_error(ErrorCode::FailedPrecondition,
                      fmt::format("the network {} is not of this installation: remove it", name));
  };
  auto found = api_.get("/networks/" + name);
  if (found) return check(*found);
  if (found.error().code != ErrorCode::NotFound) return std::move(found).error();
  auto made = api_.post("/networks/create", network_request(installation_, app_id));
  if (made) return {};
  if (made.error().code != ErrorCode::AlreadyExists) return std::move(made).error();
  TRY(const json other, api_.get("/networks/" + name));
  return check(other);
}

model::Instance DockerEngine::not_started(const InstanceSpec& spec, model::Failure failure) {
  log_.warning("Instance not started", {{"instance", spec.id},
                                        {"agentAppId", spec.app_id},
                                        {"cause", model::to_string(failure.cause)},
                                        {"error", failure.message}});
  model::Instance instance;
  instance.id = spec.id;
  instance.app_id = spec.app_id;
  instance.revision = spec.revision;
  instance.phase = model::InstancePhase::Failed;
  instance.changed_at = clock_.unix_now();
  instance.boot_report.emplace().failure = std::move(failure);
  return instance;
}

void DockerEngine::discard(const std::string& instance_id, const std::string& container) {
  if (!container.empty()) {
    const auto removed = api_.remove(fmt::format("/containers/{}?v=1&force=1", container));
    if (!removed && removed.error().code != ErrorCode::NotFound)
      log_.warning("Container that was not started is left",
                   {{"instance", instance_id}, {"error", removed.error().message}});
  }
  if (const auto removed = places_.remove(instance_id); !removed)
    log_.warning("Places of an instance that was not started are left",
                 {{"instance", instance_id}, {"error", removed.error().message}});
}

Result<ContainerFacts> DockerEngine::start_container(const std::string& container,
                                                     const std::string& instance_id) {
  watch_.watch_records(instance_id, places_.par_directory(instance_id));
  TRY(const json ignored, api_.post("/containers/" + container + "/start", {}));
  TRY(ContainerFacts facts, find(instance_id));
  log_.info("Instance started", {{"instance", instance_id},
                                 {"agentAppId", facts.label(kAppLabel)},
                                 {"container", facts.id.substr(0, 12)},
                                 {"pid", facts.pid}});
  return facts;
}

Result<std::string> DockerEngine::make_container(const InstanceSpec& spec,
                                                 const std::string& image_id) {
  TRY(const HostPlaces places, places_.prepare(spec));
  TRY_VOID(ensure_network(spec.app_id));
  const json request = container_request(spec, {.installation = installation_,
                                                .image_id = image_id,
                                                .places = places,
                                                .user = user_,
                                                .publish_host = publish_.host,
                                                .publish_ports = publish_.ports});
  TRY(const json made, api_.post("/containers/create?name=" + container_name(spec.id), request));
  const std::string id = text_in(made, "Id");
  return id.empty() ? container_name(spec.id) : id;
}

// What is known not to run leaves nothing. Without a reply it may run: the next ensure() finds it.
Result<model::Instance> DockerEngine::give_up(const InstanceSpec& spec,
                                              const std::string& container, Error error) {
  if (error.code == ErrorCode::Unavailable || error.code == ErrorCode::DeadlineExceeded)
    return error;
  discard(spec.id, container);
  auto failure = start_failure(error);
  if (failure) return not_started(spec, std::move(*failure));
  return error;
}

Result<model::Instance> DockerEngine::start_made(const InstanceSpec& spec,
                                                 const std::string& container) {
  auto started = start_container(container, spec.id);
  if (!started) return give_up(spec, container, std::move(started).error());
  return view(*started);
}

Result<model::Instance> DockerEngine::start(const InstanceSpec& spec) {
  const auto found = find(spec.id);
  if (found && found->label(kSpecLabel) != spec_digest(spec))
    return make_error(ErrorCode::AlreadyExists,
                      fmt::format("the instance {} exists with another spec", spec.id));
  if (found && found->was_started()) return view(*found);
  if (found) {
    // Made, but not started: somebody died in between. What is in memory may be gone as well.
    auto prepared = places_.prepare(spec);
    if (!prepared) return give_up(spec, found->id, std::move(prepared).error());
    if (auto network = ensure_network(spec.app_id); !network)
      return give_up(spec, found->id, std::move(network).error());
    return start_made(spec, found->id);
  }
  if (found.error().code != ErrorCode::NotFound) return found.error();
  TRY(const auto image, find_image());
  if (!image) return not_started(spec, image_missing(settings_.image));
  TRY(const DaemonVersion daemon, api_.version());
  if (image->architecture != daemon.architecture)
    return not_started(
        spec, image_for_other_processor(settings_.image, image->architecture, daemon.architecture));
  auto container = make_container(spec, image->id);
  if (!container) return give_up(spec, {}, std::move(container).error());
  return start_made(spec, *container);
}

}  // namespace pixell::engine::docker
