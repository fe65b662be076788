#include "par/surface/cors.hpp"

#include <string>

#include "net/reply.hpp"

namespace pixell::par {

bool is_preflight(const net::RequestHead& request) {
  return request.method == "OPTIONS" && request.headers.has("origin") &&
         request.headers.has("access-control-request-method");
}

void answer_preflight(net::ServerStream& stream) {
  const net::RequestHead& request = stream.request();
  net::Headers headers;
  headers.add("access-control-allow-methods", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT");
  if (const auto asked = request.headers.get("access-control-request-headers"))
    headers.add("access-control-allow-headers", *asked);
  headers.add("access-control-max-age", "600");
  net::send_reply(stream, 200, "text/plain; charset=utf-8", "OK", headers);
}

void add_cors(const net::RequestHead& request, net::ResponseHead& head) {
  const auto origin = request.headers.get("origin");
  if (!origin || head.status == 101 || head.headers.has("access-control-allow-origin")) return;
  head.headers.add("access-control-allow-origin", *origin);
  head.headers.set("access-control-allow-credentials", "true");
  head.headers.add("vary", "Origin");
}

}  // namespace pixell::par
