// Feeds arbitrary bytes to the decoder of par-worker/1, cut at arbitrary places: whatever a broken
// worker writes, the decoder returns frames within the limit or one error, and the same ones
// however the bytes were cut.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "par/limits.hpp"
#include "par/worker/frame.hpp"

namespace {

using pixell::par::Frame;
using pixell::par::FrameDecoder;

bool decode(std::string_view bytes, std::size_t piece, std::vector<Frame>& frames) {
  FrameDecoder decoder;
  while (!bytes.empty()) {
    if (!decoder.feed(bytes.substr(0, piece), frames)) return false;
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::size_t piece = 1 + data[0] % 64;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::vector<Frame> whole;
  std::vector<Frame> pieces;
  const bool is_whole_fine = decode(bytes, bytes.size() + 1, whole);
  const bool are_pieces_fine = decode(bytes, piece, pieces);
  if (is_whole_fine != are_pieces_fine || whole.size() != pieces.size()) std::abort();
  for (std::size_t i = 0; i < whole.size(); ++i) {
    if (whole[i].header != pieces[i].header || whole[i].body != pieces[i].body) std::abort();
    if (whole[i].header.size() + whole[i].body.size() > pixell::par::kMaxFrameBytes) std::abort();
    // What was decoded encodes to itself.
    if (!pixell::par::encode_frame(whole[i].header, whole[i].body)) std::abort();
  }
  return 0;
}
