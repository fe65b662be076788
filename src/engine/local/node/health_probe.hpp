#pragma once

#include <functional>
#include <map>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "engine/local/node/limits.hpp"
#include "net/client.hpp"
#include "net/event_loop.hpp"

namespace pixell::engine::node {

/// How instances are asked whether they still answer.
struct ProbeSettings {
  Millis interval = kProbeInterval;  ///< from one question to the next; 0 = nobody is asked
  Millis timeout = kProbeTimeout;    ///< for one answer
};

/// The settings by PIXELL_PROBE_INTERVAL_MS and PIXELL_PROBE_TIMEOUT_MS. InvalidArgument names the
/// variable, its value and what it may be.
Result<ProbeSettings> probe_settings(const std::map<std::string, std::string>& environment);

/// How contact with an instance was lost.
struct LostContact {
  int failures = 0;     ///< questions in a row without an answer
  Millis silent_for{};  ///< since the last answer, or since the first question
  std::string problem;  ///< what became of the last question
};

/// Of the client that probes share: each question has a connection of its own, for par must still
/// take them.
inline const net::ClientOptions kProbeClient{.idle_timeout = Millis(0), .max_idle = 1};

/// Asks one par for /health now and then, on the node's loop. par answers that itself, without its
/// agent, so whatever HTTP answer comes shows that par lives: a slow or failing agent is none of
/// this. A question that was kept waiting by this process itself does not count.
class HealthProbe final : private net::ClientHandler {
 public:
  using OnLost = std::function<void(const LostContact&)>;

  /// The client must stay longer than the probe.
  HealthProbe(net::EventLoop& loop, net::HttpClient& client, ProbeSettings settings)
      : loop_(loop), client_(client), settings_(settings) {}
  ~HealthProbe() override { stop(); }

  /// Starts to ask at `address`. `on_lost` is called once, when too many questions in a row had
  /// no answer; nothing is asked after it. No effect while it asks already.
  void start(net::Address address, OnLost on_lost);
  /// How many questions in a row without an answer mean that contact is lost; kMaxProbeFailures
  /// unless told otherwise. Also while it asks.
  void set_max_failures(int max_failures) { max_failures_ = max_failures; }
  /// Asks no more.
  void stop();

 private:
  void ask();
  void on_head(net::ResponseHead&) override { answered(); }
  void on_data(std::string_view) override {}
  void on_end(const net::Headers&) override { stream_ = nullptr; }
  void on_abort(net::AbortReason reason) override;
  void answered();
  void failed(std::string problem);
  void ask_later();

  net::EventLoop& loop_;
  net::HttpClient& client_;
  ProbeSettings settings_;
  net::Address address_;
  OnLost on_lost_;
  net::ClientStream* stream_ = nullptr;  // the question that is open
  bool is_waiting_ = false;              // for its answer
  net::Timer timer_;                     // to the next question, or to the end of this one's time
  Instant asked_at_{};
  Instant answered_at_{};
  int failures_ = 0;
  int max_failures_ = kMaxProbeFailures;
};

}  // namespace pixell::engine::node
