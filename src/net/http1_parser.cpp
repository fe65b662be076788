#include "net/http1_parser.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "net/http1_bytes.hpp"

namespace pixell::net {

namespace {

// Heads with no more than this do not make their buffers grow while fields are added to them.
constexpr std::size_t kUsualFields = 16;
constexpr std::size_t kUsualAddedBytes = 64;

bool is_blank(char c) { return c == ' ' || c == '\t'; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// What the fields say about framing, routing and the connection.
struct FieldFacts {
  bool has_length = false;
  std::uint64_t length = 0;
  bool has_coding = false;  // Transfer-Encoding
  bool is_chunked = false;  // the last coding so far is chunked
  bool has_unknown_coding = false;
  bool has_misplaced_chunked = false;
  int hosts = 0;
  std::string_view host;
  bool close = false;
  bool keep_alive = false;
  bool has_upgrade = false;
  bool expects_continue = false;
};

template <class Visit>
void each_token(std::string_view list, Visit visit) {
  for (;;) {
    const auto comma = list.find(',');
    visit(trim(list.substr(0, comma)));
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

void note_coding(std::string_view value, FieldFacts& facts) {
  facts.has_coding = true;
  each_token(value, [&](std::string_view coding) {
    if (facts.is_chunked || coding.empty()) facts.has_misplaced_chunked = true;
    if (equal_names(coding, "chunked")) {
      facts.is_chunked = true;
    } else if (!coding.empty()) {
      facts.has_unknown_coding = true;
    }
  });
}

void note_connection(std::string_view value, FieldFacts& facts) {
  each_token(value, [&](std::string_view option) {
    if (equal_names(option, "close")) facts.close = true;
    if (equal_names(option, "keep-alive")) facts.keep_alive = true;
  });
}

// Returns an error text, or nullptr.
const char* note_length(std::string_view value, FieldFacts& facts) {
  if (value.empty() || value.size() > 18) return "bad content-length";
  std::uint64_t length = 0;
  for (const char c : value) {
    if (c < '0' || c > '9') return "bad content-length";
    length = length * 10 + std::uint64_t(c - '0');
  }
  if (facts.has_length && facts.length != length) return "differing content-length fields";
  facts.has_length = true;
  facts.length = length;
  return nullptr;
}

enum class FieldUse { Keep, Drop, Bad };

// Looks at the few fields this layer lives by; told apart by length first, to be quick.
FieldUse note_field(Headers::Field field, FieldFacts& facts, const char*& why) {
  switch (field.name.size()) {
    case 4:
      if (!equal_names(field.name, "host")) break;
      ++facts.hosts;
      facts.host = field.value;
      return FieldUse::Drop;
    case 6:
      if (equal_names(field.name, "expect")) {
        facts.expects_continue = equal_names(field.value, "100-continue");
      }
      break;
    case 7:
      if (equal_names(field.name, "upgrade")) facts.has_upgrade = true;
      break;
    case 10:
      if (equal_names(field.name, "connection")) note_connection(field.value, facts);
      break;
    case 14: {
      if (!equal_names(field.name, "content-length")) break;
      const bool is_repeated = facts.has_length;
      why = note_length(field.value, facts);
      if (why != nullptr) return FieldUse::Bad;
      return is_repeated ? FieldUse::Drop : FieldUse::Keep;
    }
    case 17:
      if (equal_names(field.name, "transfer-encoding")) note_coding(field.value, facts);
      break;
    default:
      break;
  }
  return FieldUse::Keep;
}

// Cuts the next line (without CR LF) off the front of `text`. False at a line that ends otherwise.
bool next_line(std::string_view& text, std::string_view& line) {
  const auto end = text.find('\n');
  if (end == std::string_view::npos || end == 0 || text[end - 1] != '\r') return false;
  line = text.substr(0, end - 1);
  text.remove_prefix(end + 1);
  return true;
}

// Parses field lines up to the empty one and calls visit(field, is_line) for each; `is_line` says
// that it stands there as "Name: value" without more blanks.
template <class Visit>
std::optional<Http1Error> each_field(std::string_view lines, Visit visit) {
  const Http1Error bad_end{400, "bad line end in the head"};
  const char* at = lines.data();
  const char* const end = at + lines.size();
  for (std::size_t count = 0;;) {
    if (end - at < 2) return bad_end;
    if (at[0] == '\r' && at[1] == '\n') return std::nullopt;
    if (is_blank(*at)) return Http1Error{400, "folded header field"};
    const char* name_end = at;
    while (name_end != end && kTokenBytes[static_cast<unsigned char>(*name_end)]) ++name_end;
    if (name_end == at || name_end == end || *name_end != ':') {
      return Http1Error{400, "bad header field name"};
    }
    // The line ends at the first control byte, or is bad.
    const char* const line_end = find_control(name_end + 1, end);
    if (line_end == end || *line_end == '\n') return bad_end;
    if (*line_end != '\r') return Http1Error{400, "control byte in a header field"};
    if (end - line_end < 2 || line_end[1] != '\n') return bad_end;
    const Headers::Field field{{at, name_end}, trim({name_end + 1, line_end})};
    if (++count > kMaxHeaderFields) return Http1Error{431, "too many header fields"};
    const bool is_line = field.value.data() == name_end + 2 && name_end[1] == ' ' &&
                         field.value.data() + field.value.size() == line_end;
    if (auto error = visit(field, is_line)) return error;
    at = line_end + 2;
  }
}

std::optional<Http1Error> parse_fields(std::string_view lines, Headers& out, FieldFacts& facts,
                                       bool keep_host) {
  out.reserve(kUsualFields, lines.size() + kUsualAddedBytes);
  out.adopt(lines);
  return each_field(lines, [&](Headers::Field field, bool is_line) -> std::optional<Http1Error> {
    const char* why = nullptr;
    const FieldUse use = note_field(field, facts, why);
    if (use == FieldUse::Bad) return Http1Error{400, why};
    if (use == FieldUse::Keep || (keep_host && field.name.size() == 4)) {
      out.add_adopted(lines.data(), field, is_line);
    }
    return std::nullopt;
  });
}

// RFC 9112 6.1 and 6.3, where they leave no room.
std::optional<Http1Error> check_framing(const FieldFacts& facts, bool is_http10) {
  if (!facts.has_coding) return std::nullopt;
  if (facts.has_length) return Http1Error{400, "both content-length and transfer-encoding"};
  if (is_http10) return Http1Error{400, "transfer-encoding with HTTP/1.0"};
  if (facts.has_misplaced_chunked) return Http1Error{400, "bad transfer-encoding"};
  if (facts.has_unknown_coding) return Http1Error{501, "unknown transfer-encoding"};
  return std::nullopt;
}

// "HTTP/1.0" or "HTTP/1.x".
std::optional<Http1Error> parse_version(std::string_view text, bool& is_http10) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.size() != 8 || !text.starts_with("HTTP/") || !is_digit(text[5]) || text[6] != '.' ||
      !is_digit(text[7])) {
    return Http1Error{400, "bad HTTP version"};
  }
  if (text[5] != '1') return Http1Error{505, "HTTP version not supported"};
  is_http10 = text[7] == '0';
  return std::nullopt;
}

std::optional<Http1Error> parse_absolute_target(std::string_view target, RequestHead& head) {
  const auto scheme_end = target.find("://");
  if (scheme_end == std::string_view::npos) return Http1Error{400, "bad request target"};
  const std::string_view scheme = target.substr(0, scheme_end);
  if (equal_names(scheme, "http")) {
    head.scheme = "http";
  } else if (equal_names(scheme, "https")) {
    head.scheme = "https";
  } else {
    return Http1Error{400, "bad scheme in the request target"};
  }
  target.remove_prefix(scheme_end + 3);
  const auto path_at = std::min(target.find_first_of("/?"), target.size());
  head.authority = target.substr(0, path_at);
  const std::string_view path = target.substr(path_at);
  if (head.authority.empty() || !is_authority(head.authority)) {
    return Http1Error{400, "bad authority in the request target"};
  }
  if (path.empty()) {
    head.target = head.method == "OPTIONS" ? "*" : "/";
  } else {
    head.target = path.front() == '/' ? "" : "/";
    head.target += path;
  }
  return std::nullopt;
}

std::optional<Http1Error> parse_request_line(std::string_view line, RequestHead& head,
                                             bool& is_http10) {
  const auto method_end = line.find(' ');
  const auto target_end = line.rfind(' ');
  if (method_end == std::string_view::npos || method_end == target_end) {
    return Http1Error{400, "bad request line"};
  }
  const std::string_view method = line.substr(0, method_end);
  const std::string_view target = line.substr(method_end + 1, target_end - method_end - 1);
  if (!is_token(method) || !is_target(target)) return Http1Error{400, "bad request line"};
  if (auto error = parse_version(line.substr(target_end + 1), is_http10)) return error;
  if (target.size() > kMaxTargetBytes) return Http1Error{414, "request target too long"};
  head.method = method;
  head.scheme = "http";
  head.authority.clear();
  if (method == "CONNECT") return Http1Error{501, "CONNECT is not supported"};
  if (target.front() == '/' || (target == "*" && method == "OPTIONS")) {
    head.target = target;
    return std::nullopt;
  }
  return parse_absolute_target(target, head);
}

std::optional<Http1Error> apply_host(const FieldFacts& facts, bool is_http10, RequestHead& head) {
  if (facts.hosts > 1) return Http1Error{400, "more than one host field"};
  if (facts.hosts == 0) {
    if (is_http10) return std::nullopt;
    return Http1Error{400, "missing host field"};
  }
  if (!is_authority(facts.host)) return Http1Error{400, "bad host field"};
  // An absolute target wins over Host (RFC 9112 3.2.2).
  if (head.authority.empty()) head.authority = facts.host;
  return std::nullopt;
}

// Upgrade is ignored where it must be (HTTP/1.0), where a body comes first, and for h2c, which RFC
// 9113 3.1 took back.
void drop_unusable_upgrade(Http1Request& request) {
  if (request.is_http10 || request.body.kind != BodyKind::None ||
      request.head.headers.has_token("upgrade", "h2c")) {
    request.head.headers.remove("upgrade");
    request.head.headers.remove("http2-settings");
  }
}

bool is_framing_field(std::string_view name) {
  for (const std::string_view field :
       {"transfer-encoding", "content-length", "host", "connection", "trailer", "te", "upgrade",
        "keep-alive", "authorization", "content-encoding", "content-type", "content-range"}) {
    if (equal_names(name, field)) return true;
  }
  return false;
}

}  // namespace

std::optional<Http1Error> parse_request_head(std::string_view head, Http1Request& out) {
  std::string_view line;
  if (!next_line(head, line)) return Http1Error{400, "bad request line"};
  out.head.protocol = Protocol::Http1;
  if (auto error = parse_request_line(line, out.head, out.is_http10)) return error;
  FieldFacts facts;
  if (auto error = parse_fields(head, out.head.headers, facts, false)) return error;
  if (auto error = check_framing(facts, out.is_http10)) return error;
  if (auto error = apply_host(facts, out.is_http10, out.head)) return error;
  out.body = {};
  if (facts.has_coding) {
    out.body = {BodyKind::Chunked, 0};
  } else if (facts.length > 0) {
    out.body = {BodyKind::Length, facts.length};
  }
  out.keep_alive = !facts.close && (!out.is_http10 || facts.keep_alive);
  out.expects_continue =
      facts.expects_continue && !out.is_http10 && out.body.kind != BodyKind::None;
  if (facts.has_upgrade) drop_unusable_upgrade(out);
  return std::nullopt;
}

std::optional<Http1Error> parse_response_head(std::string_view head, std::string_view method,
                                              Http1Response& out) {
  std::string_view line;
  bool is_http10 = false;
  if (!next_line(head, line) || line.size() < 12) return Http1Error{502, "bad status line"};
  if (auto error = parse_version(line.substr(0, 8), is_http10)) return error;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (line[8] != ' ' || !is_digit(line[9]) || !is_digit(line[10]) || !is_digit(line[11]) ||
      line[9] == '0' || (line.size() > 12 && line[12] != ' ') || !is_field_value(line)) {
    return Http1Error{502, "bad status line"};
  }
  const int status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
  FieldFacts facts;
  if (auto error = parse_fields(head, out.head.headers, facts, true)) return error;
  if (auto error = check_framing(facts, is_http10)) return error;
  out.head.status = status;
  out.keep_alive = !facts.close && (!is_http10 || facts.keep_alive) && status != 101;
  out.body = {};
  if (status < 200 || status == 204 || status == 304 || method == "HEAD") return std::nullopt;
  if (facts.has_coding) {
    out.body = {BodyKind::Chunked, 0};
  } else if (facts.has_length) {
    if (facts.length > 0) out.body = {BodyKind::Length, facts.length};
  } else {
    out.body = {BodyKind::UntilClose, 0};
    out.keep_alive = false;
  }
  return std::nullopt;
}

std::optional<Http1Error> parse_trailers(std::string_view section, Headers& out) {
  out.clear();
  return each_field(section, [&](Headers::Field field, bool) -> std::optional<Http1Error> {
    if (!is_framing_field(field.name)) out.add(field.name, field.value);
    return std::nullopt;
  });
}

}  // namespace pixell::net
