#include "par/runtime.hpp"

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "net/sockets.hpp"
#include "par/boot/early_exit.hpp"
#include "par/limits.hpp"

namespace pixell::par {

namespace {

using model::Cause;

// The one warning that has an event of its own.
void log_warning(const Log& log, const std::string& warning) {
  constexpr std::string_view kBucket = "S3 URL does not match expected bucket";
  log.warning(warning.starts_with(kBucket) ? kBucket : "Configuration warning",
              {{"warning", warning}});
}

// The agent may put a link in the place of its socket: only its own user is spoken to.
net::ClientOptions client_options(const Config& config) {
  net::ClientOptions options;
  if (config.worker_uid >= 0) options.unix_user = static_cast<uid_t>(config.worker_uid);
  return options;
}

// {"fetch":12.5,…}: the phases of a boot in milliseconds, as a log line has them.
std::string phases_json(const std::vector<model::BootPhase>& phases) {
  nlohmann::json json = nlohmann::json::object();
  for (const model::BootPhase& phase : phases)
    json[phase.name] = std::round(phase.millis * 1000) / 1000;
  return json.dump();
}

}  // namespace

Runtime::Runtime(net::EventLoop& loop, Children& children, Config config, Environment environment,
                 Programs programs, Log log)
    : loop_(loop),
      config_(std::move(config)),
      environment_(std::move(environment)),
      programs_(std::move(programs)),
      log_(std::move(log)),
      files_(config_.instance_dir),
      timeline_(loop.clock().now()),
      started_(loop.clock().now()),
      began_(loop.clock().unix_now()),
      view_{.app_id = config_.app_id,
            .base_path = config_.base_path,
            .multiplexed = config_.multiplexed,
            .ui_port = config_.ui_port},
      observer_(loop, children, read_observe_settings(environment_), log_),
      log_writer_(log_.fd()),
      access_log_(loop, log_writer_, log_),
      client_(loop, client_options(config_)),
      agent_(loop, children, client_, *this, log_),
      boot_({.loop = loop,
             .children = children,
             .agent = agent_,
             .view = view_,
             .config = config_,
             .environment = environment_,
             .programs = programs_,
             .log = log_},
            *this),
      routes_(loop, client_, view_, observer_, access_log_),
      server_(loop, routes_, log_),
      drain_(loop, server_, agent_, log_, *this) {
  view_.agent = &agent_;
}

Runtime::~Runtime() = default;

void Runtime::start() {
  log_.info("Starting three-surface runtime", {{"multiplexed", config_.multiplexed},
                                               {"rest_port", config_.rest_port},
                                               {"a2a_port", config_.a2a_port},
                                               {"ui_port", config_.ui_port},
                                               {"base_path", config_.base_path}});
  for (const std::string& warning : config_.warnings) log_warning(log_, warning);
  for (const std::string& warning : observer_.warnings()) log_warning(log_, warning);
  observer_.start(programs_.telemetry,
                  {.app_id = config_.app_id, .deployment_id = config_.deployment_id});
  check(files_.make_place());
  enter(Phase::Bind);
  if (const auto bound = bind(); !bound)
    return fail(model::make_failure(Cause::PortNotBound, bound.error().message));
  startup_timer_ = loop_.after(config_.startup_timeout, [this] {
    timed_out("STARTUP_TIMEOUT_SEC", config_.startup_timeout);
  });
  if (const Millis limit = config_.boot_hard_limit(); limit.count() > 0)
    hard_limit_timer_ = loop_.after(limit, [this, limit] {
      log_.error("Boot time exceeded hard limit",
                 {{"boot_ms", boot_ms()}, {"hard_limit_ms", limit.count()}});
      timed_out("BOOT_BUDGET_MS x BOOT_HARD_LIMIT_MULTIPLIER", limit);
    });
  boot_.start();
}

Result<void> Runtime::bind() {
  const bool is_one_socket = !config_.rest_listen.empty();
  if (is_one_socket) {
    log_.info("Listening", {{"listener", "rest"}, {"listen", config_.rest_listen}});
    TRY(UniqueFd socket, net::open_listener(config_.rest_listen));
    TRY_VOID(server_.listen(std::move(socket), "rest"));
  } else {
    TRY_VOID(listen("rest", config_.rest_port));
  }
  if (!is_one_socket || config_.a2a_port_given) TRY_VOID(listen("a2a", config_.a2a_port));
  const bool wants_ui_port = config_.ui_port_given || (!is_one_socket && !config_.multiplexed);
  if (wants_ui_port && config_.ui_port != config_.rest_port)
    TRY_VOID(listen(Routes::kUiListener, config_.ui_port));
  return {};
}

Result<void> Runtime::listen(const std::string& name, std::uint16_t port) {
  TRY(UniqueFd socket, net::listen_tcp(config_.listen_addr, port));
  log_.info("Listening", {{"listener", name}, {"address", config_.listen_addr}, {"port", port}});
  return server_.listen(std::move(socket), name);
}

void Runtime::enter(Phase phase) {
  if (!was_ready_ && phase < Phase::Ready) timeline_.enter(to_string(phase), loop_.clock().now());
  view_.phase = phase;
  log_.debug("Phase entered", {{"phase", to_string(phase)}, {"boot_ms", boot_ms()}});
  write_state();
}

void Runtime::write_state() {
  check(
      files_.write_state(view_.phase, view_.is_ready, loop_.clock().unix_now(), agent_.restarts()));
}

void Runtime::boot_entered(Phase phase) { enter(phase); }

void Runtime::boot_succeeded() {
  ready();
  first_ready();
}

void Runtime::ready() {
  view_.is_ready = true;
  view_.is_open = true;
  enter(Phase::Ready);
}

void Runtime::first_ready() {
  was_ready_ = true;
  cancel_deadlines();
  timeline_.finish(loop_.clock().now());
  view_.boot_ms = timeline_.total_ms();
  view_.boot_phases = timeline_.phases();
  write_report(true);
  check(files_.set_crash_count(0));
  observer_.boot_ended(view_.boot_phases, began_, nullptr);
  const std::string phases = phases_json(view_.boot_phases);
  log_.info("Runtime ready", {{"rest_port", config_.rest_port},
                              {"a2a_port", config_.a2a_port},
                              {"boot_ms", view_.boot_ms},
                              {"phases_ms", LogValue::raw_json(phases)}});
  if (view_.boot_ms > config_.boot_budget_ms)
    log_.warning("Boot time exceeded budget",
                 {{"boot_ms", view_.boot_ms}, {"budget_ms", config_.boot_budget_ms}});
  // Boot is over: what its JSON took goes back to the system.
  ::malloc_trim(0);
}

void Runtime::boot_failed(model::Failure failure) { fail(std::move(failure)); }

void Runtime::agent_up() {
  if (!was_ready_) return boot_.agent_up();
  if (!drain_.is_running()) ready();
}

void Runtime::agent_failed(model::Failure failure) {
  if (is_over_ || failure_) return;
  if (drain_.is_running()) return drain_.agent_gone();
  // It did not survive the question.
  if (!timeout_.empty()) return fail_by_timeout();
  boot_.agent_failed(std::move(failure));
}

void Runtime::worker_died() {
  if (is_over_ || failure_) return;
  if (drain_.is_running()) {
    if (!agent_.is_running()) drain_.agent_gone();
    return;
  }
  observer_.metrics().worker_restarted();
  if (agent_.is_up()) return write_state();
  view_.is_ready = false;
  enter(Phase::Worker);
}

void Runtime::agent_stopped() { drain_.agent_gone(); }

void Runtime::timed_out(const char* limit, Millis after) {
  if (was_ready_ || failure_ || !timeout_.empty() || drain_.is_running()) return;
  timeout_ = fmt::format("The agent was not ready within {} ms ({}); it stayed in phase {}",
                         after.count(), limit, to_string(view_.phase));
  if (!boot_.ask_where_it_is()) return fail_by_timeout();
  where_timer_ = loop_.after(kWhereTimeout, [this] { fail_by_timeout(); });
}

void Runtime::cancel_deadlines() {
  for (net::Timer* timer : {&startup_timer_, &hard_limit_timer_, &where_timer_}) timer->cancel();
  timeout_.clear();
}

void Runtime::fail_by_timeout() {
  auto evidence = boot_.evidence();
  evidence.push_back(fmt::format("phase: {}", to_string(view_.phase)));
  fail(model::make_failure(Cause::StartupTimeout, timeout_, std::move(evidence),
                           boot_.waits_for_a_listener()
                               ? "Let the agent listen on the port PORT or the socket PAR_SOCKET; "
                                 "if it only needs longer, raise STARTUP_TIMEOUT_SEC."
                               : ""));
}

void Runtime::stop(int signal) {
  if (is_over_) return;
  log_.info("Received shutdown signal", {{"signal", signal_name(signal)}});
  // It only waited before its exit, or for spans to be sent.
  if (failure_ || is_ending_) return finish(exit_code_);
  if (drain_.is_running()) return drain_.hasten();
  log_.info("Shutting down three-surface runtime");
  boot_.stop();
  agent_.hold();
  cancel_deadlines();
  view_.is_ready = false;
  enter(Phase::Draining);
  log_.info("Marked runtime as not ready, health check will return 503");
  // Nobody was sent here before ready: then there is nothing to wait for.
  drain_.start(was_ready_ ? kNotReadyPause : Millis(0), config_.shutdown_grace);
}

void Runtime::fail(model::Failure failure) {
  if (failure_ || is_over_) return;
  failure_ = std::move(failure);
  exit_code_ = model::exit_code_of(failure_->cause);
  timeline_.finish(loop_.clock().now());
  observer_.boot_ended(timeline_.phases(), began_, &*failure_);
  view_.is_ready = false;
  view_.is_open = false;
  write_report(false);
  enter(Phase::Failed);
  boot_.stop();
  agent_.kill();
  cancel_deadlines();
  const int before = std::max(config_.boot_failure_count, files_.crash_count());
  const int seconds = crash_backoff_seconds(before, failure_->cause);
  check(files_.set_crash_count(before + 1));
  // In a later turn in any case: who failed is still on the stack, and finish() frees it.
  backoff_timer_ = loop_.after(Millis(seconds * 1000), [this] { end(exit_code_); });
  if (seconds == 0) return;
  log_.warning("Boot failed, backing off before exit to avoid hot-restart loop",
               {{"failure_count", before},
                {"backoff_seconds", seconds},
                {"exit_code", exit_code_},
                {"cause", to_string(failure_->cause)},
                {"message", failure_->message}});
}

// Spans that wait are sent first.
void Runtime::end(int code) {
  exit_code_ = code;
  is_ending_ = true;
  observer_.close([this, code] { finish(code); });
}

void Runtime::finish(int code) {
  if (std::exchange(is_over_, true)) return;
  exit_code_ = code;
  server_.stop_accepting();
  server_.close_all();
  boot_.clean_up();
  // The lines of requests, and then the last one.
  access_log_.flush();
  log_writer_.stop();
  if (!failure_) enter(Phase::Stopped);
  check(files_.write_exit(code, failure_, loop_.clock().unix_now()));
  if (failure_)
    log_boot_failed(log_, *failure_, code);
  else
    log_.info("Runtime shutdown complete", {{"exit_code", code}});
  loop_.stop();
}

void Runtime::write_report(bool is_ready) {
  model::BootReport report{.ready = is_ready,
                           .total_ms = timeline_.total_ms(),
                           .phases = timeline_.phases(),
                           .failure = failure_,
                           .dependency_lock = {},
                           .package_sha256 = config_.package_sha256,
                           .interpreter = {},
                           .limits = view_.limits};
  if (const auto& prepared = boot_.prepared()) {
    report.dependency_lock = prepared->dependency_lock;
    report.package_sha256 = prepared->package_sha256;
    report.interpreter = prepared->interpreter;
    if (!prepared->interpreter_version.empty())
      report.interpreter += " " + prepared->interpreter_version;
  }
  check(files_.write_report(report));
}

void Runtime::check(const Result<void>& written) const {
  if (!written)
    log_.warning("A report could not be written", {{"reason", written.error().message}});
}

double Runtime::boot_ms() const {
  return std::chrono::duration<double, std::milli>(loop_.clock().now() - started_).count();
}

}  // namespace pixell::par
