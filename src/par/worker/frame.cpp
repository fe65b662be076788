#include "par/worker/frame.hpp"

#include <fmt/format.h>

#include <cstdint>

#include "par/limits.hpp"

namespace pixell::par {

namespace {

constexpr std::size_t kPrefixBytes = 8;

void append_u32le(std::string& out, std::size_t value) {
  for (int shift = 0; shift < 32; shift += 8)
    out += static_cast<char>(static_cast<unsigned char>(value >> shift));
}

std::size_t read_u32le(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i)
    value |= std::uint32_t(static_cast<unsigned char>(bytes[i])) << (8 * i);
  return value;
}

}  // namespace

Result<std::string> encode_frame(std::string_view header, std::string_view body) {
  if (header.size() + body.size() > kMaxFrameBytes)
    return make_error(ErrorCode::ResourceExhausted,
                      fmt::format("a message to the agent of {} bytes is over the limit of {}",
                                  header.size() + body.size(), kMaxFrameBytes));
  std::string bytes;
  bytes.reserve(kPrefixBytes + header.size() + body.size());
  append_u32le(bytes, header.size());
  append_u32le(bytes, body.size());
  bytes += header;
  bytes += body;
  return bytes;
}

Result<void> FrameDecoder::feed(std::string_view bytes, std::vector<Frame>& frames) {
  buffer_ += bytes;
  std::string_view rest = buffer_;
  while (rest.size() >= kPrefixBytes) {
    const std::size_t header_size = read_u32le(rest);
    const std::size_t body_size = read_u32le(rest.substr(4));
    if (header_size > kMaxFrameBytes || body_size > kMaxFrameBytes - header_size)
      return make_error(ErrorCode::ResourceExhausted,
                        fmt::format("a message of the agent of {} bytes is over the limit of {}",
                                    header_size + body_size, kMaxFrameBytes));
    if (rest.size() - kPrefixBytes < header_size + body_size) break;
    frames.push_back({.header = std::string(rest.substr(kPrefixBytes, header_size)),
                      .body = std::string(rest.substr(kPrefixBytes + header_size, body_size))});
    rest.remove_prefix(kPrefixBytes + header_size + body_size);
  }
  buffer_.erase(0, buffer_.size() - rest.size());
  // A large message must not keep its memory for ever.
  if (buffer_.empty()) buffer_.shrink_to_fit();
  return {};
}

}  // namespace pixell::par
