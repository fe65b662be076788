#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "net/headers.hpp"

namespace pixell::net {

/// Splits the body of a gRPC call into messages (5-byte prefix, see
/// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). Compressed messages are
/// refused.
class GrpcDeframer {
 public:
  explicit GrpcDeframer(std::size_t max_message_bytes) : max_(max_message_bytes) {}
  /// Feeds bytes and appends every complete message to `messages`.
  Result<void> feed(std::string_view bytes, std::vector<std::string>& messages);
  /// True when no half message is held.
  bool is_empty() const { return buffer_.empty(); }

 private:
  std::size_t max_;
  std::string buffer_;
};

/// One message with its prefix.
std::string grpc_frame(std::string_view message);

/// Trailers of a finished call: grpc-status and percent-encoded grpc-message.
Headers grpc_trailers(ErrorCode code, std::string_view message);
/// Status 0.
Headers grpc_ok_trailers();

class ServerStream;
/// Ends a gRPC call with a status only: a Trailers-Only answer, with `more` fields, when no head
/// was sent yet.
void send_grpc_status(ServerStream& stream, ErrorCode code, std::string_view message,
                      const Headers& more = {});

/// The grpc-status among these fields, or -1 when there is none that is a number.
int grpc_status_of(const Headers& fields);

}  // namespace pixell::net
