#include "par/boot/boot_sequence.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "model/language.hpp"
#include "par/limits.hpp"
#include "par/worker/connect_probe.hpp"
#include "par/worker/listeners.hpp"
#include "par/worker/worker_plan.hpp"

namespace pixell::par {

namespace {

using model::Cause;
using model::make_failure;

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
  return text;
}

}  // namespace

BootSequence::BootSequence(BootContext context, BootOwner& owner)
    : context_(context), owner_(owner) {}

BootSequence::~BootSequence() = default;

void BootSequence::start() {
  is_running_ = true;
  owner_.boot_entered(Phase::Fetch);
  context_.view.limits = limits_of({});
  auto places = WorkPlaces::create(context_.config.instance_dir, context_.config.worker_uid);
  if (!places)
    return fail(make_failure(Cause::Internal, places.error().message, {},
                             "Make the directory writable for par, or choose another "
                             "INSTANCE_DIR or TMPDIR."));
  places_ = std::move(*places);
  PrepareOwner& self = *this;
  prepare_ = std::make_unique<PrepareProcess>(context_.loop, context_.children, self, context_.log);
  const Config& config = context_.config;
  std::optional<uid_t> own_user;
  if (config.worker_uid_is_exclusive && config.worker_uid >= 0)
    own_user = static_cast<uid_t>(config.worker_uid);
  const auto started = prepare_->start(
      {.program = context_.programs.prepare,
       .env = context_.environment,
       .spec_json = prepare_spec_json(context_.config, places_->prepare(), context_.programs),
       .own_user = own_user});
  if (!started) fail(make_failure(Cause::Internal, started.error().message));
}

void BootSequence::preparation_entered(Phase phase) {
  if (is_running_) owner_.boot_entered(phase);
}

void BootSequence::preparation_failed(model::Failure failure) { fail(std::move(failure)); }

void BootSequence::package_prepared(Prepared prepared) {
  if (!is_running_) return;
  prepared_ = std::move(prepared);
  describe_surfaces(context_.view, prepared_->manifest, context_.loop.clock().unix_now());
  log_package();
  if (open_ui()) start_agent();
}

void BootSequence::log_package() const {
  const AgentView& view = context_.view;
  std::vector<std::string> surfaces = {"rest"};
  if (has_a2a(view)) surfaces.push_back("a2a");
  if (has_ui(view)) surfaces.push_back("ui");
  const std::string package_id = view.manifest->name + "@" + view.manifest->version;
  const std::string names = joined(surfaces);
  std::vector<LogField> fields = {{"package_id", package_id}, {"surfaces", names}};
  // A directory has none.
  if (!prepared_->package_sha256.empty())
    fields.push_back({"package_sha256", prepared_->package_sha256});
  context_.log.line(LogLevel::Info, "Package loaded successfully", fields);
}

// What the surfaces are is known: one line each, in the order operators have come to expect.
void BootSequence::log_surfaces() const {
  const AgentView& view = context_.view;
  const Config& config = context_.config;
  if (config.rest_listen.empty())
    context_.log.info("Starting REST server", {{"port", config.rest_port}});
  else
    context_.log.info("Starting REST server", {{"listen", config.rest_listen}});
  if (view.needs_worker && context_.agent.hello().rest)
    context_.log.info("Mounted agent REST routes", {{"entry", view.manifest->rest->entry}});
  if (has_ui(view)) context_.log.info("Setting up UI routes");
  if (!has_a2a(view)) return;
  const bool has_port = config.rest_listen.empty() || config.a2a_port_given;
  context_.log.info("Starting A2A gRPC server",
                    {{"port", has_port ? config.a2a_port : config.rest_port}});
}

bool BootSequence::open_ui() {
  if (!has_ui(context_.view)) return true;
  auto files =
      UiFiles::open(prepared_->root, context_.view.manifest->ui->path, prepared_->package_sha256);
  if (!files) {
    fail(make_failure(Cause::ManifestInvalid, "The UI cannot be served: " + files.error().message,
                      {"ui.path: " + context_.view.manifest->ui->path},
                      "Put index.html into the folder that ui.path names, or correct ui.path."));
    return false;
  }
  ui_files_ = std::move(*files);
  context_.view.ui_files = ui_files_.get();
  return true;
}

void BootSequence::start_agent() {
  if (!context_.view.needs_worker) return probe();
  owner_.boot_entered(Phase::Worker);
  const auto first = plan_of(0);
  if (!first) return fail(make_failure(Cause::Internal, first.error().message));
  context_.view.limits = limits_of(first->plan.sandbox);
  log_environment(*first);
  const Config& config = context_.config;
  AgentPlan plan{.workers = config.workers,
                 .make_plan = [this](int number) -> Result<WorkerPlan> {
                   TRY(WorkerStart start, plan_of(number));
                   return std::move(start.plan);
                 },
                 .restart_timeout = config.startup_timeout,
                 .own_user = std::nullopt};
  if (config.worker_uid_is_exclusive) plan.own_user = first->plan.sandbox.user;
  context_.agent.start(std::move(plan));
}

Result<WorkerStart> BootSequence::plan_of(int number) const {
  TRY(const std::uint16_t port, port_for_own_server());
  return plan_worker({.config = context_.config,
                      .process_environment = context_.environment,
                      .prepared = *prepared_,
                      .worker_dir = context_.programs.worker_dir,
                      .home = places_->home(),
                      .tmp = places_->tmp(),
                      .sockets = places_->sockets(),
                      .number = number,
                      .http_port = port});
}

void BootSequence::log_environment(const WorkerStart& start) const {
  const std::string limits = model::to_json(context_.view.limits).dump();
  context_.log.info("Limits of the agent", {{"limits", LogValue::raw_json(limits)}});
  context_.log.info("Built the agent's environment",
                    {{"names", start.summary.names}, {"count", start.summary.count}});
  if (!start.summary.withheld.empty())
    context_.log.info("Variables of the runtime's own session are not passed to the agent",
                      {{"names", joined(start.summary.withheld)}});
  if (!start.summary.unresolved.empty())
    context_.log.warning("Placeholders without a value were left as they are",
                         {{"names", joined(start.summary.unresolved)}});
  if (!start.summary.dropped.empty())
    context_.log.warning("Variables whose value says nothing were left out",
                         {{"names", joined(start.summary.dropped)}});
}

// A server that cannot listen on a Unix socket listens on a port that is free now.
Result<std::uint16_t> BootSequence::port_for_own_server() const {
  const model::Manifest& manifest = prepared_->manifest;
  const bool needs_port = model::language_of(manifest) != model::Language::Python &&
                          !model::own_server_of(manifest).empty();
  return needs_port ? free_loopback_port() : Result<std::uint16_t>(std::uint16_t{0});
}

void BootSequence::agent_loaded() {
  if (!is_running_) return;
  const Hello& hello = context_.agent.hello();
  AgentView& view = context_.view;
  context_.log.info("The agent was loaded", {{"language", hello.language},
                                             {"runtime", hello.runtime},
                                             {"sdk", hello.sdk},
                                             {"workers", context_.agent.workers()},
                                             {"handlers", joined(hello.handlers)}});
  // A function named as http_server may have returned handlers instead of a server.
  view.has_http_server = hello.http_server;
  view.has_a2a_http = !hello.http_server && (has_a2a(view) || hello.a2a == A2aKind::Handlers);
  view.has_entrypoint = hello.entrypoint && !hello.http_server;
  view.rest_claims = hello.rest_claims;
  probe();
}

// The agent asks its workers; without any there is nobody to ask.
void BootSequence::probe() {
  owner_.boot_entered(Phase::Probe);
  log_surfaces();
  if (!context_.view.needs_worker) succeed();
}

void BootSequence::agent_up() {
  if (is_running_) succeed();
}

void BootSequence::succeed() {
  is_running_ = false;
  if (has_a2a(context_.view)) context_.log.info("Created A2A gRPC server");
  context_.agent.tell_ready();
  owner_.boot_succeeded();
}

bool BootSequence::ask_where_it_is() {
  const bool is_python =
      prepared_ && model::language_of(prepared_->manifest) == model::Language::Python;
  return is_python && context_.agent.ask_where_it_is();
}

bool BootSequence::waits_for_a_listener() const {
  return context_.view.phase == Phase::Worker && prepared_ &&
         model::language_of(prepared_->manifest) != model::Language::Python &&
         !model::own_server_of(prepared_->manifest).empty();
}

void BootSequence::agent_failed(model::Failure failure) { fail(std::move(failure)); }

void BootSequence::fail(model::Failure failure) {
  if (!std::exchange(is_running_, false)) return;
  owner_.boot_failed(std::move(failure));
}

void BootSequence::stop() {
  is_running_ = false;
  if (prepare_) prepare_->stop();
}

void BootSequence::clean_up() {
  prepare_.reset();
  places_.reset();
}

std::vector<std::string> BootSequence::evidence() const {
  auto lines = context_.agent.evidence();
  if (lines.empty() && prepare_) lines = prepare_->evidence();
  // A server that listens elsewhere than it was asked to is waited for in vain.
  for (const pid_t pid : context_.agent.pids())
    for (std::string& place : listening_places(pid)) lines.push_back(std::move(place));
  return lines;
}

}  // namespace pixell::par
