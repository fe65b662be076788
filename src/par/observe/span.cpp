#include "par/observe/span.hpp"

#include <fmt/format.h>

#include <iterator>

#include "base/log.hpp"
#include "par/observe/limits.hpp"

namespace pixell::par {

namespace {

// Cut between characters, so that what is left is still UTF-8.
std::string_view cut(std::string_view text) {
  if (text.size() <= kMaxSpanTextBytes) return text;
  std::size_t end = kMaxSpanTextBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

void append_text_attribute(std::string& out, std::string_view key, std::string_view value) {
  out += R"({"key":)";
  append_json_string(out, key);
  out += R"(,"value":{"stringValue":)";
  append_json_string(out, cut(value));
  out += "}}";
}

void append_attribute(std::string& out, const SpanAttribute& attribute) {
  if (!attribute.is_number) return append_text_attribute(out, attribute.key, attribute.text);
  out += R"({"key":)";
  append_json_string(out, attribute.key);
  fmt::format_to(std::back_inserter(out), R"(,"value":{{"intValue":"{}"}}}})", attribute.number);
}

}  // namespace

void append_span(std::string& out, const Span& span) {
  fmt::format_to(std::back_inserter(out), R"({{"traceId":"{}","spanId":"{}")",
                 text_of(span.trace_id), text_of(span.span_id));
  if (span.parent_span_id)
    fmt::format_to(std::back_inserter(out), R"(,"parentSpanId":"{}")",
                   text_of(*span.parent_span_id));
  if (!span.trace_state.empty()) {
    out += R"(,"traceState":)";
    append_json_string(out, span.trace_state);
  }
  out += R"(,"name":)";
  append_json_string(out, cut(span.name));
  fmt::format_to(std::back_inserter(out),
                 R"(,"kind":{},"startTimeUnixNano":"{}","endTimeUnixNano":"{}","attributes":[)",
                 static_cast<int>(span.kind), span.start_ns, span.end_ns);
  bool is_first = true;
  for (const SpanAttribute& attribute : span.attributes) {
    if (!is_first) out += ',';
    is_first = false;
    append_attribute(out, attribute);
  }
  out += ']';
  if (span.is_error) {
    out += R"(,"status":{"code":2)";
    if (!span.error.empty()) {
      out += R"(,"message":)";
      append_json_string(out, cut(span.error));
    }
    out += '}';
  }
  out += '}';
}

std::string resource_json(
    std::initializer_list<std::pair<std::string_view, std::string_view>> fixed,
    const std::vector<std::pair<std::string, std::string>>& more) {
  std::string out = R"({"attributes":[)";
  bool is_first = true;
  const auto add = [&](std::string_view key, std::string_view value) {
    if (value.empty()) return;
    if (!is_first) out += ',';
    is_first = false;
    append_text_attribute(out, key, value);
  };
  for (const auto& [key, value] : fixed) add(key, value);
  for (const auto& [key, value] : more) add(key, value);
  return out + "]}";
}

}  // namespace pixell::par
