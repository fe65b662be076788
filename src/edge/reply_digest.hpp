#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "net/message.hpp"

namespace pixell::edge {

/// What is kept of a reply to tell it from another one: no body, only a hash of its beginning.
class ReplyDigest {
 public:
  void take_head(const net::ResponseHead& head, std::chrono::nanoseconds after);
  void take_data(std::string_view bytes);
  /// The reply came to its end; `grpc_status` is that of its trailers, -1 = they have none.
  void end(int grpc_status);

  int status() const { return status_; }
  const std::string& content_type() const { return content_type_; }
  std::uint64_t bytes() const { return bytes_; }
  std::chrono::nanoseconds head_after() const { return head_after_; }
  bool is_whole() const { return is_whole_; }

  enum class Difference { None, Status, Body };
  /// Status: the HTTP or gRPC status differs. Body: the content type, the first kMirrorHashedBytes
  /// or, when both are whole, the length.
  Difference compare(const ReplyDigest& other) const;

 private:
  void hash(std::string_view bytes);

  int status_ = 0;
  int grpc_status_ = -1;
  std::string content_type_;
  std::chrono::nanoseconds head_after_{};
  std::uint64_t bytes_ = 0;
  std::uint64_t hash_ = 0;
  std::uint64_t word_ = 0;  // bytes_ % 8 bytes that are not in hash_ yet
  bool is_whole_ = false;
};

}  // namespace pixell::edge
