#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "edge/limits.hpp"
#include "net/event_loop.hpp"

namespace pixell::edge {

/// Why a request that found no target is answered with an error.
enum class Unserved {
  TimedOut,   ///< it waited to its deadline
  AppFull,    ///< kMaxParkedPerApp of its app wait already
  LoopFull,   ///< kMaxParkedPerLoop wait already
  AppIsDown,  ///< its app had no target for longer than requests wait
};
/// What the client is told, for example with a 503.
std::string describe_unserved(std::string_view app, Unserved why);

struct ParkingLimits {
  std::size_t per_app = kMaxParkedPerApp;
  std::size_t per_loop = kMaxParkedPerLoop;
  Millis time = kMaxParkingTime;
};

struct ParkingFigures {
  std::int64_t waiting = 0;    ///< now
  std::int64_t parked = 0;     ///< ever; one that had to wait again counts once more
  std::int64_t timed_out = 0;  ///< ever
  std::int64_t refused = 0;    ///< ever: there was no room, or no hope
};

/// Where requests of one loop wait until their app has a target again, by app and in the order of
/// their arrival. Everything but figures() belongs to the loop's thread.
///
///   parked ─wake, or its turn to look─▶ told Woken: it tries, and may park again in its old place
///   parked ─deadline─▶ told TimedOut        parked ─its ticket goes─▶ forgotten
///
/// The first in line is woken every kParkedRetryInterval while the app has targets that failed: it
/// finds out whether they work again, and then its owner wakes the others.
class ParkingLot {
 public:
  enum class Over { Woken, TimedOut };
  /// Called once, never from inside park(); not after the ticket is gone. May park again.
  using OnOver = std::function<void(Over)>;

  struct Request {
    Instant arrived;   ///< when it first had to wait
    Instant deadline;  ///< see deadline_of()
    OnOver on_over;
  };

 private:
  struct Entry;
  using Queue = std::list<Entry>;

 public:
  /// A place in line; leaves it when it goes. Empty once on_over was called.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&& other) noexcept { *this = std::move(other); }
    Ticket& operator=(Ticket&& other) noexcept;
    ~Ticket() { leave(); }
    bool is_waiting() const { return lot_ != nullptr; }
    void leave();

   private:
    friend class ParkingLot;
    ParkingLot* lot_ = nullptr;
    Queue::iterator entry_{};
  };

  explicit ParkingLot(net::EventLoop& loop, ParkingLimits limits = {})
      : loop_(loop), limits_(limits) {}
  /// Those that wait are forgotten.
  ~ParkingLot();
  ParkingLot(const ParkingLot&) = delete;
  ParkingLot& operator=(const ParkingLot&) = delete;

  /// The latest moment to which a request may wait that first had to at `arrived`.
  Instant deadline_of(Instant arrived) const { return arrived + limits_.time; }
  /// Puts a request in line, or says why it must be answered now.
  std::expected<Ticket, Unserved> park(std::string_view app, Request request);
  /// Why a request could not be parked now that first had to wait at `arrived`; nullopt = it could.
  std::optional<Unserved> refuses(std::string_view app, Instant arrived) const;
  /// A request was not parked because of refuses().
  void count_refused() { add(refused_, 1); }
  /// Whoever waits for the app tries, first come first, and the app is not down any more: it got
  /// other targets, one of them answered, or it is not routed any more.
  void wake(std::string_view app);
  /// A target of the app answered a request, which had been waiting or not: the first that had
  /// shows the others the way.
  void served(std::string_view app, bool had_waited);
  /// The app's route has no target since `since`, unless that is known already.
  void lost_targets(std::string_view app, Instant since);
  /// Some app has no target, or had none that worked when it was last asked. As cheap as it looks.
  bool is_any_down() const { return !apps_.empty(); }
  /// Those apps, to be compared with new routes.
  std::vector<std::string> down() const;

  /// Any thread.
  ParkingFigures figures() const;

 private:
  struct App;
  using Apps = std::map<std::string, App, std::less<>>;
  struct Entry {
    Request request;
    Ticket* ticket = nullptr;
    Queue* home = nullptr;  // the app's, or that of a wake under way
    net::Timer timer;
  };
  struct App {
    Queue queue;
    Instant down_since{};
    bool has_targets = true;  // as far as routes tell
  };

  void call(Queue& from, Queue::iterator entry, Over over);
  void retry_later();
  void retry_first();
  static void add(std::atomic<std::int64_t>& count, std::int64_t n);

  net::EventLoop& loop_;
  const ParkingLimits limits_;
  Apps apps_;
  net::Timer retry_;
  // Written by the loop's thread alone.
  std::atomic<std::int64_t> waiting_ = 0;
  std::atomic<std::int64_t> parked_ = 0;
  std::atomic<std::int64_t> timed_out_ = 0;
  std::atomic<std::int64_t> refused_ = 0;
};

}  // namespace pixell::edge
