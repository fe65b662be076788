#include "edge/forwarded.hpp"

#include <algorithm>
#include <cctype>

namespace pixell::edge {

namespace {

constexpr std::string_view kClientCertificate = "x-forwarded-client-cert";

bool is_claim_of_certificate(std::string_view name) {
  return name.size() == kClientCertificate.size() &&
         std::ranges::equal(name, kClientCertificate, [](char given, char wanted) {
           return (given == '_' ? '-' : std::tolower(static_cast<unsigned char>(given))) == wanted;
         });
}

// Who a client is with TLS is ours to say. To CGI and WSGI '_' and '-' in a name are the same.
void add_certificate(net::Headers& added, const net::ServerStream& stream) {
  const net::Headers& fields = stream.request().headers;
  for (std::size_t i = 0; i < fields.size(); ++i)
    if (is_claim_of_certificate(fields[i].name)) added.add_checked(fields[i].name, {});
  if (const std::string& certificate = stream.peer().certificate; !certificate.empty())
    added.add(kClientCertificate, certificate);
}

}  // namespace

void add_forwarded(net::Headers& added, const net::ServerStream& stream,
                   std::string_view request_id) {
  const net::RequestHead& request = stream.request();
  // No proxy in front of us is trusted yet: what a client claims about itself is replaced.
  const std::string_view address = stream.peer().address;
  added.add_checked("x-forwarded-for", address.substr(0, address.rfind(':')));
  added.add_checked("x-forwarded-proto", stream.peer().is_encrypted ? "https" : "http");
  added.add("x-forwarded-host", request.authority);
  added.add_checked("forwarded", {});
  add_certificate(added, stream);
  if (!request.headers.has(kRequestId)) added.add_checked(kRequestId, request_id);
}

}  // namespace pixell::edge
