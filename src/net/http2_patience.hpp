#pragma once

#include "base/clock.hpp"
#include "net/limits.hpp"

// Internal to net: what a peer may do that costs it nothing and us something.

namespace pixell::net {

/// Counts what a client does on one connection, in windows of kH2PatienceWindow.
class Http2Patience {
 public:
  /// A stream was opened.
  void opened() { ++opened_; }
  /// A frame that moves something: DATA with bytes or an end, either way.
  void moved() { ++moved_; }

  /// A stream was reset by the peer (rapid reset, CVE-2023-44487), or made to fail by a broken
  /// frame. False = too many. A busy hop with many clients may see as many honest cancellations,
  /// so they count only when they are the greater part of what is opened.
  bool take_reset(Instant now) {
    renew(now);
    return ++resets_ <= kH2MaxResets || 2 * resets_ < opened_;
  }

  /// A frame that moves nothing: PING, SETTINGS, PRIORITY, WINDOW_UPDATE, DATA without a byte.
  /// False = too many. A reader sends up to three for each DATA frame it gets.
  bool take_idle_frame(Instant now) {
    renew(now);
    return ++idle_frames_ <= kH2MaxIdleFrames || idle_frames_ < 4 * moved_;
  }

 private:
  void renew(Instant now) {
    if (now - began_ <= kH2PatienceWindow) return;
    began_ = now;
    opened_ = 1;
    resets_ = idle_frames_ = moved_ = 0;
  }

  Instant began_{};
  int opened_ = 0;
  int resets_ = 0;
  int idle_frames_ = 0;
  int moved_ = 0;
};

}  // namespace pixell::net
