#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "net/headers.hpp"

namespace pixell::par {

class IdSource;

/// Lower-case hex, no terminator.
using TraceId = std::array<char, 32>;
using SpanId = std::array<char, 16>;

inline std::string_view text_of(const TraceId& id) { return {id.data(), id.size()}; }
inline std::string_view text_of(const SpanId& id) { return {id.data(), id.size()}; }

/// A traceparent header that is valid.
struct TraceParent {
  TraceId trace_id{};
  SpanId span_id{};
  bool is_sampled = false;
};

/// Reads a traceparent (W3C Trace Context Level 1, section 3.2): version 00 exactly, a higher
/// version as far as 00 goes, ff never; ids in lower-case hex and not all zero. Nothing when
/// anything else is there.
std::optional<TraceParent> parse_traceparent(std::string_view text);

/// True for a tracestate that may be passed on (section 3.3.1): at most 32 members, keys and values
/// of the allowed characters and lengths, no key twice.
bool is_tracestate(std::string_view text);

/// Whether requests are sampled: OTEL_TRACES_SAMPLER and its argument.
struct Sampler {
  bool follows_parent = true;  ///< the caller's decision counts when there is one
  double ratio = 1;            ///< share of the others
};

/// Decides from the trace id alone, so that every program with the same ratio decides alike. Pure.
bool is_sampled_by_ratio(const TraceId& id, double ratio);

/// The place of one request in its trace.
struct TraceContext {
  TraceId trace_id{};
  SpanId span_id{};                      ///< par's own span
  std::optional<SpanId> parent_span_id;  ///< the caller's span, when it named one
  bool is_sampled = false;
  std::string trace_state;  ///< of the caller, valid; empty when there is none
  std::string request_id;   ///< the caller's, or the trace id
};

/// Continues the caller's trace, or starts one when there is no valid traceparent (none, malformed,
/// or more than one). tracestate counts only with a valid traceparent. A trace that starts here
/// takes its id from an X-Request-Id that is a ULID, as the edge makes them: whoever has the
/// request id of the edge's log has the trace.
TraceContext trace_context_of(const net::Headers& headers, const Sampler& sampler, IdSource& ids);

/// "00-<trace id>-<our span id>-<flags>": what the next one downstream gets.
std::string traceparent_of(const TraceContext& trace);

/// Puts the context into the added fields of a request that goes on (OutgoingHead::added):
/// traceparent with our span id, the valid tracestate or an empty one that takes the caller's away,
/// X-Request-Id.
void pass_on(const TraceContext& trace, net::Headers& headers);

}  // namespace pixell::par
