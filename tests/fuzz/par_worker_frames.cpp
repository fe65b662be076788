// What a broken worker writes, cut at arbitrary places: the decoder of par-worker/1 returns frames
// within the limit or one error, and the same ones however the bytes were cut. Encoding them gives
// the bytes that were read.

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "base/check.hpp"
#include "input.hpp"
#include "par/limits.hpp"
#include "par/worker/frame.hpp"

namespace {

using pixell::par::Frame;

struct Outcome {
  std::vector<Frame> frames;
  bool has_failed = false;
  bool is_empty = false;
};

Outcome decode(std::string_view bytes, std::size_t piece) {
  pixell::par::FrameDecoder decoder;
  Outcome outcome;
  for (; !bytes.empty() && !outcome.has_failed; bytes.remove_prefix(std::min(piece, bytes.size())))
    outcome.has_failed = !decoder.feed(bytes.substr(0, piece), outcome.frames);
  outcome.is_empty = decoder.is_empty();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view wire = pixell::fuzz::text_of(data + 1, size - 1);
  const Outcome whole = decode(wire, wire.size() + 1);
  const Outcome pieces = decode(wire, 1 + data[0] % 64);
  CHECK(whole.has_failed == pieces.has_failed, "errors do not depend on the cut");
  CHECK(whole.frames.size() == pieces.frames.size(), "nor does the number of frames");
  if (!whole.has_failed) CHECK(whole.is_empty == pieces.is_empty, "nor what is left");
  std::string encoded;
  for (std::size_t i = 0; i < whole.frames.size(); ++i) {
    const auto& [header, body] = whole.frames[i];
    CHECK(header == pieces.frames[i].header && body == pieces.frames[i].body, "nor the frames");
    const auto frame = pixell::par::encode_frame(header, body);
    CHECK(frame.has_value(), "what was read is within the limit");
    encoded += *frame;
  }
  CHECK(wire.starts_with(encoded), "encoding gives back what was read");
  CHECK(whole.has_failed || !whole.is_empty || encoded.size() == wire.size(), "nothing is dropped");
  return 0;
}
