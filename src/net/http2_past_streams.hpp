#pragma once

#include <array>
#include <cstdint>

#include "net/limits.hpp"

// Internal to net: the streams of a connection that are over.

namespace pixell::net {

/// What a server remembers of streams that are over, to tell the heads that a peer must not send
/// from those that crossed our reset on the way. Keeps a fixed few: nghttp2 would keep as many as
/// may be open, at some 200 bytes each.
class Http2PastStreams {
 public:
  /// What a HEADERS frame is on a stream that is not open.
  enum class Verdict {
    Fine,     ///< it opens a stream, or may have crossed our reset
    Closed,   ///< the peer had ended the stream itself (RFC 9113 5.1: STREAM_CLOSED)
    LeftOut,  ///< the id was passed over (RFC 9113 5.1.1: PROTOCOL_ERROR)
  };

  /// True for the first frame of a stream: no stream so far has had an id so high.
  bool is_new(std::int32_t id) const { return id > last_; }
  /// The peer opens this stream; is_new(id) holds.
  void opened(std::int32_t id) {
    if (id > last_ + 2) {
      gap_first_ = last_ + 2;
      gap_end_ = id;
    }
    last_ = id;
  }
  /// The peer said its last word on the stream: END_STREAM or RST_STREAM.
  void ended_by_peer(std::int32_t id) {
    ended_[next_] = id;
    next_ = (next_ + 1) % ended_.size();
  }
  Verdict judge(std::int32_t id) const {
    for (const std::int32_t ended : ended_)
      if (ended == id) return Verdict::Closed;
    return id >= gap_first_ && id < gap_end_ ? Verdict::LeftOut : Verdict::Fine;
  }

 private:
  std::array<std::int32_t, kH2RememberedStreams> ended_{};
  std::size_t next_ = 0;
  std::int32_t last_ = -1;
  std::int32_t gap_first_ = 0;  // the ids that were passed over most recently
  std::int32_t gap_end_ = 0;
};

}  // namespace pixell::net
