#include "edge/forwarded.hpp"

namespace pixell::edge {

void add_forwarded(net::Headers& added, const net::ServerStream& stream,
                   std::string_view request_id) {
  const net::RequestHead& request = stream.request();
  // No proxy in front of us is trusted yet: what a client claims about itself is replaced.
  const std::string_view address = stream.peer().address;
  added.add_checked("x-forwarded-for", address.substr(0, address.rfind(':')));
  added.add_checked("x-forwarded-proto", request.scheme);
  added.add("x-forwarded-host", request.authority);
  if (!request.headers.has(kRequestId)) added.add_checked(kRequestId, request_id);
}

}  // namespace pixell::edge
