#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace pixell::par {

// One message of par-worker/1 (docs/par_worker.md):
//   u32le header length | u32le body length | header: one JSON object | body: raw bytes

/// A received message; `header` is the JSON text, not yet parsed.
struct Frame {
  std::string header;
  std::string body;
};

/// The bytes of one message. ResourceExhausted when header and body are over kMaxFrameBytes.
Result<std::string> encode_frame(std::string_view header, std::string_view body = {});

/// Cuts a byte stream into messages.
class FrameDecoder {
 public:
  /// Feeds bytes and appends each complete message. An error (a length over the limit) is final:
  /// the stream cannot be understood any more.
  Result<void> feed(std::string_view bytes, std::vector<Frame>& frames);
  /// True when no half message is held.
  bool is_empty() const { return buffer_.empty(); }

 private:
  std::string buffer_;
};

}  // namespace pixell::par
