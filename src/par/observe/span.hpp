#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "par/observe/trace_context.hpp"

namespace pixell::par {

/// One attribute: a text, or a number when `is_number`.
struct SpanAttribute {
  std::string_view key;
  std::string_view text;
  std::int64_t number = 0;
  bool is_number = false;
};

/// The enum SpanKind of opentelemetry-proto.
enum class SpanKind { Internal = 1, Server = 2 };

/// What is told of one span. Views are of the caller.
struct Span {
  TraceId trace_id{};
  SpanId span_id{};
  std::optional<SpanId> parent_span_id;
  std::string_view trace_state;
  std::string_view name;
  SpanKind kind = SpanKind::Server;
  std::int64_t start_ns = 0;  ///< since 1970
  std::int64_t end_ns = 0;
  std::vector<SpanAttribute> attributes;
  bool is_error = false;
  std::string_view error;  ///< the status message
};

/// Appends the span as one JSON object: message Span of opentelemetry.proto.trace.v1 in OTLP's JSON
/// encoding (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding: ids in hex, 64-bit
/// numbers as text). Long texts are cut.
void append_span(std::string& out, const Span& span);

/// message Resource in the same encoding, from names and values.
std::string resource_json(
    std::initializer_list<std::pair<std::string_view, std::string_view>> fixed,
    const std::vector<std::pair<std::string, std::string>>& more);

}  // namespace pixell::par
