#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/boot_report.hpp"

namespace pixell::par {

/// How Invoke is answered by the worker.
enum class A2aKind { None, Default, Handlers, Servicer };

/// What a worker said, or is known of it, when everything it serves accepted.
struct Hello {
  std::string language, sdk, runtime;
  bool rest = false;
  bool http_server = false;
  /// Loopback port the agent's own server chose to listen on; 0 = the socket it was given.
  std::uint16_t http_server_port = 0;
  A2aKind a2a = A2aKind::None;
  std::vector<std::string> handlers;            ///< actions
  std::vector<std::string> streaming_handlers;  ///< actions that answer with events
  bool entrypoint = false;                      ///< the manifest's entrypoint can be called
  /// Paths of par's A2A surface that the REST application serves itself: "POST /invoke".
  std::vector<std::string> rest_claims;
  std::vector<std::string> warnings;
};

/// What of the agent a call is for: a plain handler, one that answers with events, or the function
/// that the manifest names as entrypoint.
enum class CallTarget { Handler, Stream, Entrypoint };

/// One call.
struct AgentCall {
  CallTarget target = CallTarget::Handler;
  std::string action;
  std::string parameters_json;  ///< a JSON object
  std::string request_id;
  std::int64_t deadline_ms = 0;  ///< 0 = none
  std::string traceparent;       ///< W3C Trace Context; empty = of no trace
  std::string tracestate;        ///< the caller's; empty = none
};

/// How a call ended.
struct CallResult {
  enum class Outcome { Done, Failed, NotFound, Cancelled, DeadlineExceeded, AgentLost };
  Outcome outcome = Outcome::Done;
  std::string text;      ///< Done: a string result as it is, anything else as JSON; else the reason
  bool is_text = false;  ///< Done: the result was a string
};

/// Told what the worker says.
class WorkerChannelOwner {
 public:
  virtual ~WorkerChannelOwner() = default;
  /// Everything it was asked to serve accepts.
  virtual void worker_up(Hello hello) = 0;
  /// It could not load the agent; it ends by itself now.
  virtual void load_failed(model::Failure failure) = 0;
  /// It speaks something else than it should, and is to be ended.
  virtual void protocol_broken(std::string message) = 0;
  /// A running call has told something; `event_json` is any JSON value.
  virtual void call_told(std::uint64_t id, std::string event_json) = 0;
  virtual void call_ended(std::uint64_t id, CallResult result) = 0;
  /// It closed its end. Called once, last.
  virtual void channel_closed(const std::string& reason) = 0;
};

/// How a running worker is talked with. There are two kinds: a shim that speaks par-worker/1
/// (FrameChannel), and any program that serves HTTP (ServerChannel).
class WorkerChannel {
 public:
  virtual ~WorkerChannel() = default;
  /// Begins the conversation; the owner is told of its outcome, later.
  virtual Result<void> start() = 0;
  /// The agent may be told that it is live.
  virtual Result<void> tell_ready() = 0;
  /// Begins a call; call_told() tells its events, call_ended() its outcome.
  virtual Result<void> execute(std::uint64_t id, const AgentCall& call) = 0;
  /// Lets a streaming call tell `events` more: it begins with kEventCredit.
  virtual void give_credit(std::uint64_t id, int events) = 0;
  /// The caller does not wait any more; the call may go on to its end unheard.
  virtual void cancel(std::uint64_t id) = 0;
  /// Asks the worker to finish what runs within `grace` and to exit.
  virtual void drain(Millis grace) = 0;
  /// Takes what has arrived. Called when the worker has ended, so that its last words come before
  /// the news of its death.
  virtual void read_rest() = 0;
};

}  // namespace pixell::par
