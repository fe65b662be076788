// The multipart/form-data parser, fed in pieces whose size the first byte tells.

#include <cstdint>
#include <string_view>

#include "api/multipart.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using pixell::Result;
  if (size == 0) return 0;
  const std::size_t piece = 1 + data[0] % 64;
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  pixell::api::MultipartParser parser(
      "b", {.on_part = [](const pixell::api::PartHead&) -> Result<void> { return {}; },
            .on_bytes = [](std::string_view) -> Result<void> { return {}; }});
  while (!rest.empty()) {
    const std::string_view now = rest.substr(0, piece);
    if (!parser.feed(now)) return 0;
    rest.remove_prefix(now.size());
  }
  if (!parser.finish()) return 0;
  return 0;
}
