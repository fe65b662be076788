#include "edge/error_reply.hpp"

#include <algorithm>

#include "net/grpc.hpp"
#include "net/reply.hpp"

namespace pixell::edge {

void send_error(net::ServerStream& stream, const ErrorReply& reply) {
  if (stream.request().is_grpc())
    net::send_grpc_status(stream, reply.code, reply.detail, reply.more);
  else
    net::send_problem(stream, reply.status, reply.detail, reply.more);
}

net::Headers retry_after(std::chrono::nanoseconds wait) {
  const auto seconds =
      std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(wait).count());
  net::Headers headers;
  headers.add("retry-after", std::to_string(seconds));
  return headers;
}

}  // namespace pixell::edge
