// The multipart/form-data body of a stranger, fed in pieces whose size the first byte tells: the
// same parts however it is cut, and no byte that the body does not have.

#include "api/multipart.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "api/limits.hpp"
#include "base/check.hpp"
#include "input.hpp"

namespace {

using pixell::Result;

struct Part {
  std::string name, filename, bytes;
  bool operator==(const Part&) const = default;
};

// What the parts are, and whether the body was right.
struct Outcome {
  std::vector<Part> parts;
  bool is_right = false;
};

Outcome parse(std::string_view body, std::size_t piece) {
  Outcome outcome;
  pixell::api::MultipartParser parser(
      "b", {.on_part = [&](const pixell::api::PartHead& head) -> Result<void> {
              outcome.parts.push_back({head.name, head.filename, ""});
              return {};
            },
            .on_bytes = [&](std::string_view bytes) -> Result<void> {
              CHECK(!outcome.parts.empty(), "bytes belong to a part");
              outcome.parts.back().bytes += bytes;
              return {};
            }});
  for (; !body.empty(); body.remove_prefix(std::min(piece, body.size())))
    if (!parser.feed(body.substr(0, piece))) return outcome;
  outcome.is_right = parser.finish().has_value();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view body = pixell::fuzz::text_of(data + 1, size - 1);
  const Outcome whole = parse(body, body.size() + 1);
  const Outcome pieces = parse(body, 1 + data[0] % 64);
  CHECK(whole.is_right == pieces.is_right, "right or wrong does not depend on the cut");
  if (whole.is_right) CHECK(whole.parts == pieces.parts, "nor do the parts");
  CHECK(whole.parts.size() <= pixell::api::kMaxParts, "parts are limited");
  for (const Part& part : whole.parts) {
    CHECK(!part.name.empty(), "a part has a name");
    CHECK(body.find(part.bytes) != std::string_view::npos, "its bytes stand in the body");
  }
  return 0;
}
