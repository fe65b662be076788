#include <gtest/gtest.h>

#include <string>

#include "net/testing/http1_client_fixture.hpp"

// Upgrades of HttpClient over HTTP/1, and the tunnels they become.

namespace pixell::net {
namespace {

using namespace fixture;

RequestHead upgrade() {
  RequestHead head = request("GET", "/ws");
  head.headers.add("Connection", "Upgrade");
  head.headers.add("Upgrade", "echo");
  return head;
}

TEST_F(Http1ClientTest, TurnsIntoATunnel) {
  Answer answer(driver);
  ClientStream& stream = open(upgrade(), answer);
  auto peer = upstream.accept();
  ASSERT_TRUE(peer->got("\r\n\r\n"));
  peer->take();

  peer->send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n\r\nfirst");

  ASSERT_TRUE(eventually(driver, [&] { return answer.body == "first"; }));
  EXPECT_EQ(answer.status(), 101);
  stream.send_data("raw");
  ASSERT_TRUE(peer->got("raw"));
  stream.finish();
  ASSERT_TRUE(peer->is_closed());
  peer->send(" last");
  peer->close();
  ASSERT_TRUE(is_over(answer));
  EXPECT_TRUE(answer.ended);
  EXPECT_EQ(answer.body, "first last");
}

TEST_F(Http1ClientTest, SendsOnThroughATunnelTheUpstreamShut) {
  Answer answer(driver);
  ClientStream& stream = open(upgrade(), answer);
  auto peer = upstream.accept();
  peer->send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n\r\n");
  peer->shut();
  ASSERT_TRUE(is_over(answer));
  EXPECT_TRUE(answer.ended);
  ASSERT_TRUE(peer->got("\r\n\r\n"));
  peer->take();

  stream.send_data("still here");
  stream.finish();

  EXPECT_TRUE(peer->is_closed());
  EXPECT_EQ(peer->received, "still here");
}

TEST_F(Http1ClientTest, AnUpgradeMayBeRefused) {
  Answer answer(driver);
  ClientStream& stream = open(upgrade(), answer);
  auto peer = upstream.accept();
  ASSERT_TRUE(peer->got("\r\n\r\n"));

  peer->send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");

  ASSERT_TRUE(is_over(answer));
  EXPECT_EQ(answer.status(), 404);
  driver.settle();
  stream.finish();
  EXPECT_TRUE(peer->is_open()) << "the connection is as good as before";
}

}  // namespace
}  // namespace pixell::net
