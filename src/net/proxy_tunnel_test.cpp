#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "net/testing/proxy_fixture.hpp"

// Upgrades through proxy(), and the tunnels they become.

namespace pixell::net {
namespace {

using namespace fixture;

TEST_F(ProxyFixture, TunnelsAnUpgrade) {
  std::string upgrade;
  start([&](ServerStream& stream) {
    upgrade = std::string(stream.request().headers.get("upgrade").value_or(""));
    ResponseHead head{.status = 101, .headers = {}};
    head.headers.add("connection", "upgrade");
    head.headers.add("upgrade", "echo");
    stream.send_head(head, false);
    auto handler = script();
    handler->data = [s = &stream](std::string_view bytes) {
      s->send_data("<");
      s->send_data(bytes);
      s->send_data(">");
    };
    handler->end = [s = &stream](const Headers&) { s->finish(); };
    return handler;
  });
  RequestHead head = request("GET", "/socket");
  head.headers.add("connection", "upgrade");
  head.headers.add("upgrade", "echo");
  Answer answer(driver);

  ClientStream& stream = open(head, answer);
  ASSERT_TRUE(driver.until([&] { return answer.status() == 101; }));
  stream.send_data("one");
  ASSERT_TRUE(driver.until([&] { return answer.body == "<one>"; }));
  stream.send_data("two");
  ASSERT_TRUE(driver.until([&] { return answer.body == "<one><two>"; }));
  stream.finish();

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  ASSERT_TRUE(is_done());
  EXPECT_EQ(upgrade, "echo");
  EXPECT_TRUE(answer.ended);
  EXPECT_EQ(answer.head->headers.get("upgrade"), "echo");
  EXPECT_EQ(outcomes[0].status, 101);
  EXPECT_FALSE(outcomes[0].client_gone);
}

TEST_F(ProxyFixture, EndsATunnelThatTheUpstreamCloses) {
  start([&](ServerStream& stream) {
    ResponseHead head{.status = 101, .headers = {}};
    head.headers.add("connection", "upgrade");
    head.headers.add("upgrade", "echo");
    stream.send_head(head, false);
    stream.send_data("bye");
    stream.finish();
    return script();
  });
  RequestHead head = request("GET", "/socket");
  head.headers.add("connection", "upgrade");
  head.headers.add("upgrade", "echo");
  Answer answer(driver);

  ClientStream& stream = open(head, answer);
  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  stream.finish();

  ASSERT_TRUE(is_done());
  EXPECT_EQ(answer.body, "bye");
  EXPECT_TRUE(answer.ended);
  EXPECT_FALSE(outcomes[0].upstream_failed);
}

}  // namespace
}  // namespace pixell::net
