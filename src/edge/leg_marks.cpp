#include "edge/leg_marks.hpp"

#include <fmt/format.h>

namespace pixell::edge {

void mark_reply(net::Headers& headers, const Decision& decision) {
  headers.set("x-pixell-revision", decision.leg->revision_text);
  if (decision.pick != Decision::Pick::NewCookie) return;
  // The path is the one the client uses: it may know the agent by its short id, or by a host.
  const bool is_host = decision.match == Decision::Match::Host;
  headers.add("set-cookie",
              fmt::format("{}={}; Path={}{}; HttpOnly; SameSite=Lax", decision.route->sticky.name,
                          decision.token, is_host ? "/" : "/agents/", is_host ? "" : decision.id));
}

}  // namespace pixell::edge
