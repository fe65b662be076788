#include "edge/host_index.hpp"

#include <gtest/gtest.h>

#include "edge/testing/routes.hpp"

namespace pixell::edge {
namespace {

using namespace testing;

model::Route app(std::string id, std::string short_id, model::Routing routing = {}) {
  model::Route route = hello({leg(1, 1000, {"unix:/a"})});
  route.app_id = std::move(id);
  route.short_id = std::move(short_id);
  route.routing = std::move(routing);
  return route;
}

std::shared_ptr<const RouteTable> table_below(std::vector<model::Route> routes,
                                              const std::vector<std::string>& domains) {
  auto table = RouteTable::build({.generation = 1, .routes = std::move(routes)},
                                 RouteTable::Origin::Control, domains);
  EXPECT_TRUE(table) << table.error().message;
  return *table;
}

std::string id_of(const HostMatch& match) {
  if (!match.is_agent) return "no agent's";
  return match.route == nullptr ? "unknown" : match.route->app_id;
}

TEST(HostIndex, FindsNamesOfItsOwnWithoutCaseAndPort) {
  const auto table = table_below({app("hello", "abcd2345", {.hosts = {"hi.example.org"}})}, {});
  const HostIndex& hosts = table->hosts();

  EXPECT_FALSE(hosts.empty());
  for (const char* authority :
       {"hi.example.org", "HI.Example.org", "hi.example.org:8443", "hi.example.org."})
    EXPECT_EQ(id_of(hosts.find(authority)), "hello") << authority;
  for (const char* authority : {"", "example.org", "x.hi.example.org", "hi.example.orgx", ":80",
                                "[::1]:80", "hello.example.org"})
    EXPECT_EQ(id_of(hosts.find(authority)), "no agent's") << authority;
  EXPECT_EQ(id_of(hosts.find(std::string(5000, 'x') + ".example.org")), "no agent's");
}

TEST(HostIndex, HasNothingToLookAtWithoutHostsAndDomains) {
  EXPECT_TRUE(table_below({app("hello", "abcd2345")}, {})->hosts().empty());
}

TEST(Domain, IsAHostNameInLowerCase) {
  EXPECT_EQ(*domain_of("Agents.Example.com"), "agents.example.com");
  for (const char* wrong : {"", ".example.com", "example.com:80", "a..b", "a_b", "*.example.com"}) {
    const auto domain = domain_of(wrong);
    ASSERT_FALSE(domain) << wrong;
    EXPECT_EQ(domain.error().code, ErrorCode::InvalidArgument);
    EXPECT_NE(domain.error().message.find("like agents.example.com"), std::string::npos);
  }
}

TEST(HostIndex, FindsEveryAppBelowADomain) {
  const auto table = table_below(
      {app("hello", "abcd2345", {.aliases = {"dep-1", "dep.2"}}), app("Shop_1", "wxyz6789")},
      {"example.com", "agents.test"});
  const HostIndex& hosts = table->hosts();

  EXPECT_EQ(id_of(hosts.find("hello.example.com")), "hello");
  EXPECT_EQ(id_of(hosts.find("abcd2345.agents.test:4000")), "hello");
  EXPECT_EQ(id_of(hosts.find("dep-1.example.com")), "hello");
  EXPECT_EQ(id_of(hosts.find("shop_1.example.com")), "Shop_1");
  EXPECT_EQ(id_of(hosts.find("nobody.example.com")), "unknown") << "but not the API's";
  EXPECT_EQ(hosts.find("nobody.example.com").name, "nobody");
  EXPECT_EQ(id_of(hosts.find("example.com")), "no agent's");
  EXPECT_EQ(id_of(hosts.find(".example.com")), "no agent's");
  EXPECT_EQ(id_of(hosts.find("dep.2.example.com")), "no agent's") << "two labels";
}

TEST(HostIndex, ReadsATagBeforeTheApp) {
  const auto table =
      table_below({app("hello", "abcd2345"), app("a--hello", "wxyz6789")}, {"e.com"});
  const HostIndex& hosts = table->hosts();

  EXPECT_EQ(hosts.find("next--hello.e.com").tag, "next");
  EXPECT_EQ(id_of(hosts.find("next--hello.e.com")), "hello");
  EXPECT_EQ(id_of(hosts.find("a--hello.e.com")), "a--hello") << "a whole id is meant first";
  EXPECT_EQ(hosts.find("b--a--hello.e.com").tag, "b");
  EXPECT_EQ(id_of(hosts.find("b--a--hello.e.com")), "a--hello");
  EXPECT_EQ(hosts.find("b--c--hello.e.com").tag, "b--c");
  EXPECT_EQ(id_of(hosts.find("next--nobody.e.com")), "unknown");
}

TEST(HostIndex, PrefersAnIdInLowerCaseAndKnowsNoneOfTwoThatDifferByCase) {
  const auto table = table_below({app("HELLO", "abcd2345"), app("hello", "abcd2346"),
                                  app("Shop", "abcd2347"), app("shoP", "abcd2348")},
                                 {"e.com"});

  EXPECT_EQ(id_of(table->hosts().find("hello.e.com")), "hello");
  EXPECT_EQ(id_of(table->hosts().find("shop.e.com")), "unknown");
  EXPECT_EQ(id_of(table->hosts().find("abcd2348.e.com")), "shoP");
}

}  // namespace
}  // namespace pixell::edge
