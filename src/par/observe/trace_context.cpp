#include "par/observe/trace_context.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/ids.hpp"
#include "par/observe/id_source.hpp"
#include "par/observe/limits.hpp"

namespace pixell::par {

namespace {

constexpr std::size_t kTraceParentBytes = 55;  // 2 + 1 + 32 + 1 + 16 + 1 + 2

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;  // upper case is malformed
}

bool is_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return hex_digit(c) >= 0; });
}

// Lower-case hex and not all zero.
template <std::size_t N>
bool take_id(std::string_view text, std::array<char, N>& id) {
  if (!is_hex(text) || text.find_first_not_of('0') == std::string_view::npos) return false;
  std::ranges::copy(text, id.begin());
  return true;
}

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool has_key_characters(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return is_lower(c) || is_digit(c) || c == '_' || c == '-' || c == '*' || c == '/';
  });
}

// simple-key, or tenant-id "@" system-id.
bool is_key(std::string_view key) {
  const auto at = key.find('@');
  if (at == std::string_view::npos)
    return !key.empty() && key.size() <= 256 && is_lower(key.front()) && has_key_characters(key);
  const std::string_view tenant = key.substr(0, at), system = key.substr(at + 1);
  return !tenant.empty() && tenant.size() <= 241 &&
         (is_lower(tenant.front()) || is_digit(tenant.front())) && has_key_characters(tenant) &&
         !system.empty() && system.size() <= 14 && is_lower(system.front()) &&
         has_key_characters(system);
}

// Visible ASCII and spaces but ',' and '=', not ending with a space.
bool is_value(std::string_view value) {
  return !value.empty() && value.size() <= 256 && value.back() != ' ' &&
         std::ranges::all_of(value,
                             [](char c) { return c >= ' ' && c <= '~' && c != ',' && c != '='; });
}

std::string_view trimmed(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// The fields of a request that say where it comes from, found in one pass.
struct Origin {
  std::string_view traceparent;
  int traceparents = 0;
  std::string trace_state;
  std::string_view request_id;
};

Origin origin_of(const net::Headers& headers) {
  Origin origin;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const net::Headers::Field field = headers[i];
    if (field.name.size() < 10 || field.name.size() > 12) continue;
    if (net::equal_names(field.name, "traceparent")) {
      origin.traceparent = field.value;
      ++origin.traceparents;
    } else if (net::equal_names(field.name, "tracestate")) {
      if (!origin.trace_state.empty()) origin.trace_state += ',';
      origin.trace_state += field.value;
    } else if (net::equal_names(field.name, "x-request-id") && origin.request_id.empty()) {
      origin.request_id = field.value;
    }
  }
  return origin;
}

}  // namespace

std::optional<TraceParent> parse_traceparent(std::string_view text) {
  if (text.size() < kTraceParentBytes) return std::nullopt;
  const std::string_view version = text.substr(0, 2);
  if (!is_hex(version) || version == "ff") return std::nullopt;
  if (version == "00" && text.size() != kTraceParentBytes) return std::nullopt;
  if (text.size() > kTraceParentBytes && text[kTraceParentBytes] != '-') return std::nullopt;
  if (text[2] != '-' || text[35] != '-' || text[52] != '-') return std::nullopt;
  TraceParent parent;
  if (!take_id(text.substr(3, 32), parent.trace_id) ||
      !take_id(text.substr(36, 16), parent.span_id) || !is_hex(text.substr(53, 2)))
    return std::nullopt;
  parent.is_sampled = (hex_digit(text[54]) & 1) != 0;
  return parent;
}

bool is_tracestate(std::string_view text) {
  if (text.size() > kMaxTraceStateBytes) return false;
  std::vector<std::string_view> keys;
  while (true) {
    const auto comma = text.find(',');
    const std::string_view member = trimmed(text.substr(0, comma));
    if (!member.empty()) {
      const auto equals = member.find('=');
      if (equals == std::string_view::npos) return false;
      const std::string_view key = member.substr(0, equals);
      if (!is_key(key) || !is_value(member.substr(equals + 1))) return false;
      if (keys.size() == kMaxTraceStateMembers || std::ranges::find(keys, key) != keys.end())
        return false;
      keys.push_back(key);
    }
    if (comma == std::string_view::npos) return !keys.empty();
    text.remove_prefix(comma + 1);
  }
}

bool is_sampled_by_ratio(const TraceId& id, double ratio) {
  if (ratio >= 1) return true;
  if (ratio <= 0) return false;
  // The last 56 bits are the random ones (W3C Trace Context Level 2, section 2.2.1.1).
  std::uint64_t random = 0;
  for (std::size_t i = 18; i < id.size(); ++i)
    random = random << 4 | static_cast<std::uint64_t>(hex_digit(id[i]));
  return static_cast<double>(random) < ratio * std::ldexp(1.0, 56);
}

TraceContext trace_context_of(const net::Headers& headers, const Sampler& sampler, IdSource& ids) {
  Origin origin = origin_of(headers);
  TraceContext trace;
  ids.fill(trace.span_id);
  const auto parent = origin.traceparents == 1 ? parse_traceparent(origin.traceparent)
                                               : std::optional<TraceParent>();
  if (parent) {
    trace.trace_id = parent->trace_id;
    trace.parent_span_id = parent->span_id;
    if (!origin.trace_state.empty() && is_tracestate(origin.trace_state))
      trace.trace_state = std::move(origin.trace_state);
  } else if (const auto named = ulid_in_hex(origin.request_id)) {
    trace.trace_id = *named;
  } else {
    ids.fill(trace.trace_id);
  }
  trace.is_sampled = parent && sampler.follows_parent
                         ? parent->is_sampled
                         : is_sampled_by_ratio(trace.trace_id, sampler.ratio);
  trace.request_id =
      net::is_request_id(origin.request_id) ? origin.request_id : text_of(trace.trace_id);
  return trace;
}

std::string traceparent_of(const TraceContext& trace) {
  std::string text;
  text.reserve(kTraceParentBytes);
  text += "00-";
  text += text_of(trace.trace_id);
  text += '-';
  text += text_of(trace.span_id);
  text += trace.is_sampled ? "-01" : "-00";
  return text;
}

void pass_on(const TraceContext& trace, net::Headers& headers) {
  headers.set("traceparent", traceparent_of(trace));
  headers.set("tracestate", trace.trace_state);
  headers.set("x-request-id", trace.request_id);
}

}  // namespace pixell::par
