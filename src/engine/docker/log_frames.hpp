#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace pixell::engine::docker {

/// Takes a container's log stream apart: frames of an 8-byte header (stream number, three zero
/// bytes, length as a big-endian 32-bit number) and that many bytes of one output. It is fed in
/// pieces of any size; a payload is given on when it is complete.
/// Format: https://docs.docker.com/reference/api/engine/ , "Attach to a container", stream format.
class LogFrames {
 public:
  /// `take` gets one payload; an error of it ends the reading.
  explicit LogFrames(std::function<Result<void>(std::string_view payload)> take)
      : take_(std::move(take)) {}

  /// DataLoss when the bytes are no such stream, or a frame is over kMaxFrameBytes.
  Result<void> feed(std::string_view bytes);

 private:
  std::function<Result<void>(std::string_view)> take_;
  std::string pending_;
};

/// One log line (or a part of a long one) as Docker stamps it when it is asked to.
struct StampedLine {
  std::int64_t nanos = 0;  ///< when it was written, since 1970
  std::string_view text;   ///< with its line end
};

/// Parts "2026-11-26T20:19:15.248156863Z text". DataLoss when there is no time in front.
Result<StampedLine> parse_stamped(std::string_view payload);

/// Nanoseconds since 1970 of an RFC 3339 time in UTC ("…Z"), as Docker writes all of its times;
/// 0 for Docker's "0001-01-01T00:00:00Z" (never). DataLoss when it is no such time.
Result<std::int64_t> parse_docker_time(std::string_view text);

}  // namespace pixell::engine::docker
