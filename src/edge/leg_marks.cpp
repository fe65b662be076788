#include "edge/leg_marks.hpp"

#include <fmt/format.h>

namespace pixell::edge {

void mark_reply(net::Headers& headers, const Decision& decision) {
  headers.set("x-pixell-revision", decision.leg->revision_text);
  if (decision.pick != Decision::Pick::NewCookie) return;
  // The path is the one the client uses: it may know the agent by its short id.
  headers.add("set-cookie", fmt::format("{}={}; Path=/agents/{}; HttpOnly; SameSite=Lax",
                                        decision.route->sticky.name, decision.token, decision.id));
}

}  // namespace pixell::edge
