#include "edge/forwarded.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <string>

#include "edge/limits.hpp"

namespace pixell::edge {

namespace {

// Puts a value together: on the stack while it is short.
class Buffer {
 public:
  void add(std::string_view text) {
    if (!text_.empty() || size_ + text.size() > bytes_.size()) return add_long(text);
    std::memcpy(bytes_.data() + size_, text.data(), text.size());
    size_ += text.size();
  }
  void clear() {
    size_ = 0;
    text_.clear();
  }
  std::string_view view() const {
    return text_.empty() ? std::string_view(bytes_.data(), size_) : std::string_view(text_);
  }

 private:
  void add_long(std::string_view text) {
    if (text_.empty()) text_.assign(bytes_.data(), size_);
    text_ += text;
  }

  std::array<char, kForwardedBytes> bytes_;
  std::size_t size_ = 0;
  std::string text_;  // what is too long for the stack, as a whole
};

// The characters of a token (RFC 9110 5.6.2).
constexpr std::array<bool, 256> kIsTokenCharacter = [] {
  std::array<bool, 256> is_token{};
  for (const char c : std::string_view("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                       "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    is_token[static_cast<unsigned char>(c)] = true;
  return is_token;
}();

// A token as it is, everything else as a quoted string (RFC 9110 5.6.4).
void append_value(Buffer& buffer, std::string_view value) {
  const bool is_token = !value.empty() && std::ranges::all_of(value, [](char c) {
    return kIsTokenCharacter[static_cast<unsigned char>(c)];
  });
  if (is_token) return buffer.add(value);
  buffer.add("\"");
  for (const char c : value) {
    if (c == '"' || c == '\\') buffer.add("\\");
    buffer.add({&c, 1});
  }
  buffer.add("\"");
}

// What a trusted proxy says of the request, beside the lists.
struct Told {
  std::string_view proto, host, port, real_ip;
};

Told told_by(const net::Headers& headers) {
  Told told;
  const auto take = [](std::string_view& place, std::string_view value) {
    if (place.empty()) place = value;
  };
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const net::Headers::Field field = headers[i];
    const auto is = [&field](std::string_view name) { return net::equal_names(field.name, name); };
    switch (field.name.size()) {
      case 9:
        if (is("x-real-ip")) take(told.real_ip, field.value);
        break;
      case 16:
        if (is("x-forwarded-host"))
          take(told.host, field.value);
        else if (is("x-forwarded-port"))
          take(told.port, field.value);
        break;
      case 17:
        if (is("x-forwarded-proto")) take(told.proto, field.value);
        break;
      default:
        break;
    }
  }
  return told;
}

// All values of a list field, and a comma when another one follows.
void append_list(Buffer& buffer, const net::Headers& headers, std::string_view name) {
  for (std::size_t i = 0; i < headers.size(); ++i)
    if (net::equal_names(headers[i].name, name) && !headers[i].value.empty()) {
      buffer.add(headers[i].value);
      buffer.add(", ");
    }
}

// One element of Forwarded (RFC 7239 4): for=…;proto=…;host=…
void append_element(Buffer& buffer, std::string_view host, const net::RequestHead& request,
                    bool is_encrypted) {
  buffer.add("for=");
  if (host == "unix") {
    buffer.add("_unix");  // an obfuscated identifier (6.3)
  } else if (host.find(':') != std::string_view::npos) {
    buffer.add("\"[");
    buffer.add(host);
    buffer.add("]\"");
  } else {
    buffer.add(host);
  }
  buffer.add(is_encrypted ? ";proto=https" : ";proto=http");
  if (request.authority.empty()) return;
  buffer.add(";host=");
  append_value(buffer, request.authority);
}

constexpr std::string_view kClientCertificate = "x-forwarded-client-cert";

bool is_claim_of_certificate(std::string_view name) {
  return name.size() == kClientCertificate.size() &&
         std::ranges::equal(name, kClientCertificate, [](char given, char wanted) {
           return (given == '_' ? '-' : std::tolower(static_cast<unsigned char>(given))) == wanted;
         });
}

// Who a client is with TLS is ours to say. To CGI and WSGI '_' and '-' in a name are the same.
void add_certificate(net::Headers& added, const net::RequestHead& request,
                     const std::string& certificate) {
  for (std::size_t i = 0; i < request.headers.size(); ++i)
    if (is_claim_of_certificate(request.headers[i].name))
      added.add_checked(request.headers[i].name, {});
  if (!certificate.empty()) added.add(kClientCertificate, certificate);
}

// The port that the client asked for.
std::string_view port_of(const net::RequestHead& request, bool is_encrypted) {
  const std::string_view authority = request.authority;
  const auto colon = authority.rfind(':');
  const bool has_port = colon != std::string_view::npos && colon + 1 < authority.size() &&
                        authority.find(']', colon) == std::string_view::npos;
  if (has_port) return authority.substr(colon + 1);
  return is_encrypted ? "443" : "80";
}

}  // namespace

std::string_view Forwarder::request_id(const net::RequestHead& request, const Clock& clock) {
  const auto given = request.headers.get("x-request-id");
  return given && net::is_request_id(*given) ? *given : ids_.next(clock.unix_now());
}

void Forwarder::fill(const net::RequestHead& request, const net::PeerInfo& peer,
                     std::string_view request_id, net::Headers& added) const {
  const std::string_view host = peer_host(peer.address);
  const bool is_stranger = trusted_.empty() || !trusted_.contains(peer.address);
  const Told told = is_stranger ? Told() : told_by(request.headers);

  added.reserve(kForwardedFields, kForwardedBytes);
  // A client may write any scheme into its request; how it came is what counts.
  const std::string_view own_proto = peer.is_encrypted ? "https" : "http";
  Buffer buffer;
  // All is checked: it is of the kernel, ourselves, or the head of a request, which was looked at
  // when it was read.
  if (is_stranger) {
    added.add_checked("x-forwarded-for", host);
    added.add_checked("x-forwarded-proto", own_proto);
  } else {
    append_list(buffer, request.headers, "x-forwarded-for");
    buffer.add(host);
    added.add_checked("x-forwarded-for", buffer.view());
    added.add_checked("x-forwarded-proto", told.proto.empty() ? own_proto : told.proto);
    buffer.clear();
    append_list(buffer, request.headers, "forwarded");
  }
  added.add_checked("x-forwarded-host", told.host.empty() ? request.authority : told.host);
  // A proxy that names the host but no port has told all it wants to.
  const bool is_ours = told.host.empty() && told.port.empty();
  added.add_checked("x-forwarded-port", is_ours ? port_of(request, peer.is_encrypted) : told.port);
  append_element(buffer, host, request, peer.is_encrypted);
  added.add_checked("forwarded", buffer.view());
  added.add_checked("x-real-ip", told.real_ip);
  if (!peer.certificate.empty() || is_stranger) add_certificate(added, request, peer.certificate);
  added.add_checked("x-pixell-mirror", "");
  added.add_checked("x-request-id", request_id);
}

}  // namespace pixell::edge
