#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "edge/reply_digest.hpp"
#include "model/routing.hpp"
#include "net/client.hpp"
#include "net/event_loop.hpp"
#include "net/proxy_exchange.hpp"
#include "net/stream.hpp"

namespace pixell::edge {

/// What became of the requests mirrored to one revision of an app, over all loops.
class MirrorTally {
 public:
  explicit MirrorTally(std::int64_t of_revision) : revision(of_revision) {}
  using Count = std::atomic<std::int64_t>;
  const std::int64_t revision;
  Count mirrored{0};                             ///< sent to the mirror
  Count same{0};                                 ///< answered alike
  Count differs_status{0};                       ///< another status
  Count differs_body{0};                         ///< another content type, length or beginning
  Count failed{0};                               ///< the mirror did not answer to the end in time
  Count dropped{0};                              ///< picked, but not sent or not to be compared
  Count original_head_us{0}, mirror_head_us{0};  ///< sums over those that were compared
};

/// One request that shall be mirrored.
struct MirrorPlan {
  std::string app_id;
  std::int64_t original_revision = 0;
  net::Address target;
  net::Protocol protocol = net::Protocol::Http1;
  net::RequestHead head;  ///< as the mirror shall see it, without Expect
  std::int64_t max_body_bytes = 0;
  std::shared_ptr<MirrorTally> tally;
  std::string request_id;
  Instant started{};  ///< of the original
};

class Mirrors;

/// The copy of one request. The original's side tells it what passes; nothing comes back, so the
/// original cannot be held, changed or failed by it.
class MirrorCopy final : public net::ClientHandler, public net::ProxyTap {
 public:
  MirrorCopy(Mirrors& owner, MirrorPlan plan) : owner_(owner), plan_(std::move(plan)) {}

  // net::ProxyTap: what passes on the original's side.
  void request_data(std::string_view bytes) override;
  void request_end(const net::Headers& trailers) override;
  void reply_head(const net::ResponseHead& head) override;
  void reply_data(std::string_view bytes) override { original_.take_data(bytes); }
  /// The original is over, whole or broken off. Called exactly once.
  void original_over(bool is_whole, int grpc_status);

  // net::ClientHandler: what the mirror does.
  void on_head(net::ResponseHead& head) override;
  void on_data(std::string_view bytes) override;
  void on_end(const net::Headers& trailers) override;
  void on_abort(net::AbortReason reason) override;

 private:
  friend class Mirrors;
  enum class State { Collecting, Waiting, Sent, Answered, Over };

  void send();
  void answered();
  void compare();
  void log_difference(const char* what);
  void drop();
  void fail();
  void on_deadline();
  void over();

  Mirrors& owner_;
  MirrorPlan plan_;
  State state_ = State::Collecting;
  std::string body_;
  net::Headers trailers_;
  net::ClientStream* stream_ = nullptr;
  net::Timer timer_;
  Instant sent_{};
  ReplyDigest original_;
  ReplyDigest mirror_;
  bool is_original_over_ = false;
};

/// The mirrored requests of one loop. Belongs to its thread.
class Mirrors {
 public:
  /// `loop` and `client` must live longer.
  Mirrors(net::EventLoop& loop, net::HttpClient& client, Log log);
  /// Breaks off what runs.
  ~Mirrors();
  Mirrors(const Mirrors&) = delete;
  Mirrors& operator=(const Mirrors&) = delete;

  /// Whether this request is one of the share that is copied. `dice` is a random number.
  static bool picks(const model::Mirror& mirror, const net::RequestHead& request,
                    std::uint64_t dice);

  /// Starts a copy; null when there are as many as may be, or its body is known to be too long.
  /// It is sent when the original's request was complete.
  std::shared_ptr<MirrorCopy> begin(MirrorPlan plan);

  std::size_t under_way() const { return copies_.size(); }

 private:
  friend class MirrorCopy;
  void forget(const MirrorCopy& copy);
  bool may_log(Instant now);

  net::EventLoop& loop_;
  net::HttpClient& client_;
  Log log_;
  std::vector<std::shared_ptr<MirrorCopy>> copies_;
  Instant next_log_{};
};

}  // namespace pixell::edge
