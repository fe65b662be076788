// The protobuf message of an Invoke: either generation of it becomes a call whose parameters are a
// JSON object, or a refusal that says why.

#include "par/surface/action_request.hpp"

#include <cstdint>
#include <nlohmann/json.hpp>

#include "base/check.hpp"
#include "input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr pixell::UnixMillis kNow = 1'700'000'000'000;
  const auto call = pixell::par::parse_action_request(pixell::fuzz::text_of(data, size), kNow);
  if (call) {
    CHECK(nlohmann::json::parse(call->parameters_json).is_object(), "a handler gets an object");
    CHECK(!call->request_id.empty(), "each call has an id");
  } else {
    CHECK(!call.error().error.empty(), "a refusal says why");
    CHECK(!call.error().request_id.empty(), "and for which call");
  }
  return 0;
}
