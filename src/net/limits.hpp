#pragma once

#include <cstddef>

#include "base/clock.hpp"

namespace pixell::net {

/// Request or response head: line and fields together. More is 431 (request) or a broken upstream.
inline constexpr std::size_t kMaxHeadBytes = 64 * 1024;
inline constexpr std::size_t kMaxHeaderFields = 128;
inline constexpr std::size_t kMaxTargetBytes = 16 * 1024;
/// Empty lines before a head, in bytes (RFC 9112 2.2 asks to tolerate at least one).
inline constexpr std::size_t kMaxLeadingEmptyBytes = 64;
/// Chunk extensions that may run ahead of the data they come with.
inline constexpr std::size_t kMaxChunkExtensionBytes = 16 * 1024;

/// Bytes that may wait in one stream before send_data says false, and when on_writable follows.
inline constexpr std::size_t kSendHighWater = 256 * 1024;
inline constexpr std::size_t kSendLowWater = 64 * 1024;

/// Small pieces wait for each other up to this size (at most until the end of the loop turn), so
/// that a head and its first body bytes leave with one system call.
inline constexpr std::size_t kSendCoalesceBytes = 16 * 1024;

/// Bytes of a file that one connection sends before the others have their turn.
inline constexpr std::size_t kMaxFileSendBytes = 512 * 1024;

/// The longest reply that fetch_local() takes.
inline constexpr std::size_t kMaxLocalReplyBytes = 16 * 1024 * 1024;
/// Body bytes that wait for a blocking handler before its client is held back.
inline constexpr std::size_t kBlockingBodyBytes = 256 * 1024;
/// Request body kept by a proxied exchange until the reply starts, so that it can be sent again.
inline constexpr std::size_t kReplayBytes = 16 * 1024;

/// Tries of one request that may end on a pooled connection which died unused.
inline constexpr int kMaxUnusedTries = 3;

/// HTTP/2 settings we announce (RFC 9113 6.5.2).
inline constexpr std::uint32_t kH2MaxConcurrentStreams = 256;
inline constexpr std::uint32_t kH2InitialWindow = 64 * 1024;
inline constexpr std::uint32_t kH2ConnectionWindow = 1024 * 1024;
/// Streams a client may reset within kH2PatienceWindow before GOAWAY(ENHANCE_YOUR_CALM), and frames
/// it may send there that move nothing (PING, SETTINGS, WINDOW_UPDATE, DATA without a byte, …).
inline constexpr int kH2MaxResets = 200;
inline constexpr int kH2MaxIdleFrames = 2'000;
inline constexpr Millis kH2PatienceWindow{10'000};
/// Body bytes that may wait in all streams of a connection before each has to wait for its own.
inline constexpr std::size_t kH2ConnectionSendHighWater = 4 * 1024 * 1024;
/// Streams a peer ended itself that are remembered, so that a late frame on one is told apart.
inline constexpr std::size_t kH2RememberedStreams = 8;
/// How long a draining server waits for the answer to its first GOAWAY before it sends the last.
inline constexpr Millis kH2DrainNotice{1'000};
/// A server pings a client that sends nothing while streams are open, and cuts it without answer.
inline constexpr Millis kH2PingAfter{60'000};
inline constexpr Millis kH2PingTimeout{20'000};
/// Frames that may wait inside one connection because its peer does not read.
inline constexpr std::size_t kH2MaxQueuedFrames = 8 * 1024;
/// Bytes serialised before they are written, and the size of the buffer an idle connection keeps.
inline constexpr std::size_t kH2WriteBatchBytes = 64 * 1024;
inline constexpr std::size_t kH2KeptOutputBytes = 4 * 1024;

/// A client must send its whole head within this time, and be idle at most this long.
inline constexpr Millis kHeadTimeout{30'000};
inline constexpr Millis kServerIdleTimeout{75'000};
/// A request whose body falls silent for this long, before its reply and while we would read more,
/// is refused with 408. Not gRPC calls: a client may say nothing for hours while it listens.
inline constexpr Millis kBodyStallTimeout{300'000};

/// A client that takes nothing of what waits for it for this long is cut: the stream, or the
/// connection when its socket takes nothing. Long, because a hop that holds us back for a slow
/// client of its own takes nothing for a while either; who faces the clients takes a shorter one.
inline constexpr Millis kSendStallTimeout{3'600'000};

/// A request body nobody waits for, after the reply is finished: read this far, then closed.
inline constexpr std::size_t kMaxDrainBytes = 256 * 1024;
inline constexpr Millis kDrainTimeout{5'000};
/// What a connection that is about to close throws away before it closes for good.
inline constexpr std::size_t kMaxLingerBytes = 1024 * 1024;
/// After we closed our side the peer may read what is on its way before the connection is cut.
inline constexpr Millis kLingerTimeout{2'000};
/// A client that shut its side while it waits for a reply counts as gone after this.
inline constexpr Millis kHalfCloseGrace{500};
/// Socket reads of one connection in one loop turn; then the others have theirs.
inline constexpr int kMaxReadsPerTurn = 16;

inline constexpr Millis kConnectTimeout{5'000};
/// Idle upstream connections: kept this long, and this many per address and loop.
inline constexpr Millis kPoolIdleTimeout{4'000};
inline constexpr std::size_t kMaxIdlePerAddress = 1024;

/// A client must be through its TLS handshake within this time from being accepted.
inline constexpr Millis kHandshakeTimeout{10'000};
/// Handshakes one server has under way; one more cuts the one that takes longest.
inline constexpr std::size_t kMaxHandshakes = 1024;
/// A failed accept or handshake is logged at most this often.
inline constexpr Millis kFailureLinePause{10'000};

/// Connections one server accepts before it stops accepting.
inline constexpr std::size_t kMaxConnections = 20'000;
/// Accepts of one listener in one loop turn.
inline constexpr int kMaxAcceptsPerTurn = 64;
/// Accepts of one listener when its server stops accepting: more than any backlog holds.
inline constexpr int kMaxAcceptsAtEnd = 65'536;
/// How long accepting rests when the process has no descriptor left.
inline constexpr Millis kAcceptPause{100};
/// A connection that sent nothing yet may still do so for this long once the server drains.
inline constexpr Millis kDrainGrace{1'000};
/// gRPC deadlines are cut to this (24 hours), so that no timer overflows.
inline constexpr Millis kMaxGrpcDeadline{24 * 3600 * 1000};
/// An X-Request-Id that is longer, or has other than visible characters, is replaced.
inline constexpr std::size_t kMaxRequestIdBytes = 128;
/// HTTP/2 sessions to one address; more streams than they carry are refused.
inline constexpr std::size_t kMaxSessionsPerAddress = 4;

}  // namespace pixell::net
