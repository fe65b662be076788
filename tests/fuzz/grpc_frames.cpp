#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.hpp"
#include "net/grpc.hpp"

namespace {

constexpr std::size_t kMaxMessage = 4096;

struct Outcome {
  std::vector<std::string> messages;
  bool failed = false;
  bool is_empty = false;
};

Outcome deframe(std::string_view wire, std::size_t step) {
  pixell::net::GrpcDeframer deframer(kMaxMessage);
  Outcome outcome;
  for (std::size_t at = 0; at < wire.size() && !outcome.failed; at += step)
    outcome.failed = !deframer.feed(wire.substr(at, step), outcome.messages);
  outcome.is_empty = deframer.is_empty();
  return outcome;
}

}  // namespace

/// Whatever arrives in whatever pieces: the same messages, none over the limit, and framing them
/// again gives the bytes that were read.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view wire(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Outcome whole = deframe(wire, std::max<std::size_t>(wire.size(), 1));
  const Outcome pieces = deframe(wire, 1 + data[0] % 32);

  CHECK(whole.failed == pieces.failed, "errors do not depend on the cut");
  CHECK(whole.messages == pieces.messages, "messages do not depend on the cut");
  if (!whole.failed) CHECK(whole.is_empty == pieces.is_empty, "nor does what is left");
  std::string framed;
  for (const std::string& message : whole.messages) {
    CHECK(message.size() <= kMaxMessage, "a message is within the limit");
    framed += pixell::net::grpc_frame(message);
  }
  CHECK(wire.starts_with(framed), "framing gives back what was read");
  CHECK(whole.failed || !whole.is_empty || framed.size() == wire.size(), "nothing is dropped");
  return 0;
}
