#include "net/grpc.hpp"

#include <charconv>

#include "net/stream.hpp"

namespace pixell::net {
namespace {

constexpr std::size_t kPrefixBytes = 5;  // compressed flag, then the length, big endian

std::uint32_t length_of(std::string_view prefix) {
  std::uint32_t length = 0;
  for (std::size_t i = 1; i < kPrefixBytes; ++i)
    length = length << 8 | static_cast<unsigned char>(prefix[i]);
  return length;
}

// grpc-message is percent-encoded: what is not printable ASCII, and the percent sign.
std::string encode_message(std::string_view message) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  out.reserve(message.size());
  for (const char c : message) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte <= 0x7e && c != '%') {
      out += c;
    } else {
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  return out;
}

}  // namespace

Result<void> GrpcDeframer::feed(std::string_view bytes, std::vector<std::string>& messages) {
  const bool is_joined = !buffer_.empty();
  if (is_joined) buffer_.append(bytes);
  std::string_view rest = is_joined ? std::string_view(buffer_) : bytes;
  while (rest.size() >= kPrefixBytes) {
    if (rest[0] == 1)
      return make_error(ErrorCode::Unimplemented, "compressed gRPC messages are not accepted");
    if (rest[0] != 0)
      return make_error(ErrorCode::InvalidArgument, "the prefix of a gRPC message is malformed");
    const std::size_t length = length_of(rest);
    if (length > max_)
      return make_error(ErrorCode::ResourceExhausted,
                        "a gRPC message of " + std::to_string(length) +
                            " bytes is over the limit of " + std::to_string(max_));
    if (rest.size() - kPrefixBytes < length) break;
    messages.emplace_back(rest.substr(kPrefixBytes, length));
    rest.remove_prefix(kPrefixBytes + length);
  }
  if (is_joined) {
    buffer_.erase(0, buffer_.size() - rest.size());
  } else {
    buffer_.assign(rest);
  }
  return {};
}

std::string grpc_frame(std::string_view message) {
  std::string out;
  out.reserve(kPrefixBytes + message.size());
  out += '\0';
  for (int shift = 24; shift >= 0; shift -= 8)
    out += static_cast<char>(message.size() >> shift & 0xff);
  out += message;
  return out;
}

Headers grpc_trailers(ErrorCode code, std::string_view message) {
  Headers trailers;
  trailers.add("grpc-status", std::to_string(static_cast<int>(code)));
  if (!message.empty()) trailers.add("grpc-message", encode_message(message));
  return trailers;
}

Headers grpc_ok_trailers() {
  Headers trailers;
  trailers.add("grpc-status", "0");
  return trailers;
}

void send_grpc_status(ServerStream& stream, ErrorCode code, std::string_view message,
                      const Headers& more) {
  Headers trailers = grpc_trailers(code, message);
  if (stream.head_sent()) {
    stream.finish(trailers);
    return;
  }
  ResponseHead head{.headers = more};
  head.headers.set("content-type", "application/grpc");
  for (std::size_t i = 0; i < trailers.size(); ++i)
    head.headers.add(trailers[i].name, trailers[i].value);
  stream.send_head(head, true);
}

int grpc_status_of(const Headers& fields) {
  const std::string_view text = fields.get("grpc-status").value_or("");
  int status = -1;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), status);
  return failed == std::errc() && end == text.data() + text.size() ? status : -1;
}

}  // namespace pixell::net
