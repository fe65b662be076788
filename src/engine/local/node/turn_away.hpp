#pragma once

namespace pixell::engine::node {

/// Answers everyone who waits for a listener (non-blocking, of the Unix kind) from which nobody
/// will ever accept again, so that a proxy sends the same request elsewhere, whatever its method:
/// nothing of it was read. HTTP/1.1 gets 503 with model::kNotReadyHeader, HTTP/2 a GOAWAY that
/// leaves out every stream (RFC 9113 6.8); who has said nothing is closed and can say nothing more.
/// Connecting is refused from then on. Never blocks. Those over kMaxTurnedAway are reset when the
/// listener is closed. Returns how many it answered.
int turn_away_waiting(int listener);

}  // namespace pixell::engine::node
