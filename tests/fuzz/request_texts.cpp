// The small texts of a request that a stranger writes: trace headers, deadlines and paths.

#include <algorithm>
#include <cstdint>
#include <string>

#include "base/check.hpp"
#include "base/percent.hpp"
#include "input.hpp"
#include "net/grpc_timeout.hpp"
#include "net/headers.hpp"
#include "net/limits.hpp"
#include "par/limits.hpp"
#include "par/observe/limits.hpp"
#include "par/observe/trace_context.hpp"
#include "par/surface/route_match.hpp"
#include "par/surface/ui_path.hpp"

namespace {

using namespace pixell::par;  // NOLINT: the target is about this room alone

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) { return c >= 0x20 && c < 0x7f; });
}

void check_trace(std::string_view text) {
  if (const auto parent = parse_traceparent(text)) {
    const std::string again = traceparent_of({.trace_id = parent->trace_id,
                                              .span_id = parent->span_id,
                                              .parent_span_id = {},
                                              .is_sampled = parent->is_sampled,
                                              .trace_state = {},
                                              .request_id = {}});
    CHECK(text.substr(2, 51) == std::string_view(again).substr(2, 51), "the ids are as they came");
    CHECK(parse_traceparent(again).has_value(), "what goes on is valid");
  }
  if (is_tracestate(text)) {
    CHECK(static_cast<std::size_t>(std::ranges::count(text, '=')) <= kMaxTraceStateMembers,
          "members are limited; each has one sign that no value has");
    CHECK(std::ranges::all_of(text,
                              [](char c) {
                                return c == '\t' || is_printable({&c, 1});
                              }),
          "nothing that breaks a header");
  }
  if (pixell::net::is_request_id(text))
    CHECK(is_printable(text), "nothing that breaks a header or a log");
  if (const auto timeout = pixell::net::parse_grpc_timeout(text))
    CHECK(timeout->count() >= 0 && *timeout <= pixell::net::kMaxGrpcDeadline, "no timer overflows");
}

// A path below the UI's folder can only name what is below it.
void check_ui_path(std::string_view text) {
  const auto segments = ui_segments(text);
  if (!segments) return;
  CHECK(!segments->empty() && segments->size() <= kMaxUiPathDepth, "there is a file, not too deep");
  for (const std::string& name : *segments) {
    CHECK(!name.empty() && (name[0] != '.' || name == ".well-known"), "nothing hidden");
    CHECK(name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos, "one segment");
  }
}

void check_route(std::string_view path) {
  for (const std::string_view method : {"GET", "POST"})
    for (const bool has_ui : {false, true}) {
      const auto match = match_route({.method = method, .path = path}, {.base = "/agents/a",
                                                                        .has_ui = has_ui,
                                                                        .ui_base = "/ui",
                                                                        .has_rest = has_ui,
                                                                        .has_a2a_http = true,
                                                                        .has_entrypoint = true});
      CHECK(has_ui || match.ui_paths.empty(), "no UI, no file of it");
      CHECK(method == "GET" || match.route != Route::Metrics, "built-in routes only answer GET");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = pixell::fuzz::text_of(data, size);
  check_trace(text);
  check_ui_path(text);
  check_route(text);
  if (const auto decoded = pixell::percent_decode(text))
    CHECK(decoded->size() <= text.size(), "decoding makes nothing longer");
  return 0;
}
