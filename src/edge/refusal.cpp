#include "edge/refusal.hpp"

#include <fmt/format.h>

#include "edge/leg_marks.hpp"
#include "edge/limits.hpp"

namespace pixell::edge {

ErrorReply unknown_reply(const Decision& decision) {
  ErrorReply reply{.status = 404, .code = ErrorCode::NotFound, .detail = "not found"};
  if (decision.to == Decision::To::UnknownAgent)
    reply.detail = fmt::format("no agent '{}' is deployed here; GET /agents lists those that are",
                               decision.id);
  else if (decision.to == Decision::To::UnknownTag)
    reply.detail = fmt::format("agent '{}' has no revision with that tag", decision.id);
  return reply;
}

ErrorReply api_elsewhere_reply() {
  return {.status = 404,
          .code = ErrorCode::NotFound,
          .detail =
              "this edge serves agents only, below /agents/; the API is on the machine of the "
              "control plane, where `pac serve` listens"};
}

ErrorReply unserved_reply(const Decision& decision, Unserved why) {
  ErrorReply reply{
      .status = 503, .code = ErrorCode::Unavailable, .detail = describe_unserved(decision.id, why)};
  reply.more.add("retry-after", kRetryAfterSeconds);
  if (decision.leg != nullptr) mark_reply(reply.more, decision);
  return reply;
}

}  // namespace pixell::edge
