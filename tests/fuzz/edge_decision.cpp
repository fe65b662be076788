// Where the edge sends what strangers ask for: a host, a target and gRPC metadata of any bytes.

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "base/check.hpp"
#include "edge/router.hpp"
#include "input.hpp"

namespace {

using namespace pixell;        // NOLINT: the target is about this room alone
using namespace pixell::edge;  // NOLINT
using To = Decision::To;

std::shared_ptr<const RouteTable> make_table() {
  model::Route hello{
      .app_id = "hello",
      .short_id = "abcd2345",
      .name = {},
      .description = {},
      .version = {},
      .legs = {{.revision = 1, .weight_permille = 1000, .tag = "", .addresses = {"unix:/a"}},
               {.revision = 2, .weight_permille = 0, .tag = "next", .addresses = {"unix:/b"}}},
      .sticky = {.by = model::StickyBy::Cookie, .name = {}}};
  hello.routing.aliases = {"dep-1"};
  hello.routing.hosts = {"hi.test"};
  model::Route old = hello;
  old.app_id = "Old_one";
  old.short_id = "wxyz6789";
  old.routing = {.aliases = {"dep-2"},
                 .hosts = {},
                 .legacy = {.address = "127.0.0.1:1", .path_prefix = "/d", .weight_permille = 500}};
  auto table = RouteTable::build({.generation = 1, .routes = {hello, old}},
                                 RouteTable::Origin::Control, {"example.com"});
  CHECK(table.has_value(), "the table is good");
  return *table;
}

// The next piece of the input, up to a line feed.
std::string_view piece(std::string_view& text) {
  const std::string_view one = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(one.size() + 1, text.size()));
  return one;
}

bool is_agents_host(std::string_view authority) {
  return authority == "hi.test" || authority.ends_with(".example.com");
}

void check(const RouteTable& table, const net::RequestHead& head, std::uint64_t dice) {
  const Decision decision = decide(table, head, dice);
  const std::string_view target = decision.target(head);
  if (decision.to == To::Agent) {
    CHECK(decision.route != nullptr && decision.leg != nullptr && !decision.leg->targets.empty(),
          "there is somewhere to go");
    const std::string own = "/agents/" + decision.route->app_id;
    if (!decision.is_legacy() && !decision.is_grpc)
      CHECK(target.starts_with(own) && (target.size() == own.size() || target[own.size()] == '/' ||
                                        target[own.size()] == '?'),
            "an agent gets its own paths only");
    if (decision.is_legacy()) CHECK(!decision.is_grpc || !target.empty(), "there is a path");
  }
  const std::string_view path = head.path();
  if (path == "/internal" || path.starts_with("/internal/"))
    CHECK(decision.to != To::Api, "internal paths are hidden");
  // What stands behind a colon is a port, whatever it says, and '[' begins an address.
  if (is_agents_host(head.authority) && head.authority.find_first_of(":[") == std::string::npos &&
      head.authority != ".example.com" && std::ranges::count(head.authority, '.') == 2)
    CHECK(decision.to != To::Api && decision.to != To::Directory && decision.to != To::Explain &&
              decision.to != To::Metrics,
          "the API is not at an agent's host");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::shared_ptr<const RouteTable> table = make_table();
  std::string_view text = fuzz::text_of(data, size);
  net::RequestHead head;
  head.authority = piece(text);
  head.target = piece(text);
  if (!head.target.starts_with('/')) head.target = "/" + head.target;  // as the parser has it
  const std::string_view agent = piece(text);
  const std::string_view deployment = piece(text);
  head.headers.add("cookie", piece(text));
  if (!agent.empty()) head.headers.add("x-agent-id", agent);
  if (!deployment.empty()) head.headers.add("x-deployment-id", deployment);
  head.method = "GET";
  for (const std::uint64_t dice : {std::uint64_t{0}, ~std::uint64_t{0}}) check(*table, head, dice);
  head.method = "POST";
  head.headers.add("content-type", "application/grpc");
  check(*table, head, 0);
  return 0;
}
