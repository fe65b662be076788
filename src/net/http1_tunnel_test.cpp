#include <gtest/gtest.h>

#include <string>

#include "net/reply.hpp"
#include "net/server_tally.hpp"
#include "net/testing/http1_fixture.hpp"

// Upgrades on the server side of HTTP/1, and the tunnels they become.

namespace pixell::net {
namespace {

using namespace fixture;

constexpr const char* kUpgrade =
    "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";

ResponseHead switching() {
  ResponseHead head{.status = 101, .headers = {}};
  head.headers.add("Connection", "Upgrade");
  head.headers.add("Upgrade", "echo");
  return head;
}

TEST_F(Http1Test, TurnsIntoATunnel) {
  start(recording());
  RawPeer peer = connect();
  peer.send(std::string(kUpgrade) + "early");
  ASSERT_TRUE(is_open());
  driver.settle();
  EXPECT_EQ(body, "");
  EXPECT_EQ(ends, 0);

  stream->send_head(switching(), false);
  stream->send_data("raw\r\n");

  ASSERT_TRUE(peer.got("raw\r\n"));
  EXPECT_EQ(
      peer.take(),
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nraw\r\n");
  peer.send(" and late");
  EXPECT_TRUE(eventually(driver, [&] { return body == "early and late"; }));
  peer.shut();
  EXPECT_TRUE(eventually(driver, [&] { return ends == 1; }));
  stream->send_data("last");
  stream->finish();
  EXPECT_TRUE(peer.is_closed());
  EXPECT_EQ(peer.received, "last");
  EXPECT_TRUE(aborts.empty());
  EXPECT_TRUE(eventually(driver, [&] { return server().connections() == 0; }));
}

TEST_F(Http1Test, CountsAConnectionThatIsUpgradedAsThat) {
  start(recording());
  RawPeer peer = connect();
  peer.send(kUpgrade);
  ASSERT_TRUE(is_open());
  const ServerTally& tally = server().tally();
  EXPECT_EQ(tally.of(Carries::Http1, false).open, 1);

  stream->send_head(switching(), false);

  EXPECT_EQ(tally.of(Carries::Http1, false).open, 0);
  EXPECT_EQ(tally.of(Carries::Upgraded, false).open, 1);
  peer.shut();
  ASSERT_TRUE(eventually(driver, [&] { return ends == 1; }));
  stream->finish();
  ASSERT_TRUE(eventually(driver, [&] { return server().connections() == 0; }));
  EXPECT_EQ(tally.of(Carries::Upgraded, false).open, 0);
  EXPECT_EQ(tally.of(Carries::Upgraded, false).accepted, 1);
  EXPECT_EQ(tally.of(Carries::Http1, false).accepted, 1);
}

TEST_F(Http1Test, ShutsItsHalfOfATunnel) {
  start(recording());
  RawPeer peer = connect();
  peer.send(kUpgrade);
  ASSERT_TRUE(is_open());

  stream->send_head(switching(), false);
  stream->send_data("bye");
  stream->finish();

  ASSERT_TRUE(peer.is_closed());
  peer.send("still here");
  EXPECT_TRUE(eventually(driver, [&] { return body == "still here"; }));
  peer.close();
  EXPECT_TRUE(eventually(driver, [&] { return ends == 1; }));
  EXPECT_TRUE(eventually(driver, [&] { return server().connections() == 0; }));
}

TEST_F(Http1Test, TellsTheEndOfARequestWhoseUpgradeIsRefused) {
  start(recording());
  RawPeer peer = connect();
  peer.send(std::string(kUpgrade) + "GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(is_open());
  driver.settle();
  EXPECT_EQ(ends, 0);

  send_reply(*stream, 404, "", "no");

  ASSERT_TRUE(peer.got("no"));
  EXPECT_TRUE(eventually(driver, [&] { return ends == 2; }));
  EXPECT_EQ(stream->request().target, "/next");
}

TEST_F(Http1Test, NeverSwitchesWithoutBeingAsked) {
  start([](ServerStream& s) {
    s.send_head(switching(), false);
    return ignore_body();
  });
  RawPeer peer = connect();

  peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

  ASSERT_TRUE(peer.got("\r\n\r\n"));
  EXPECT_TRUE(peer.received.starts_with("HTTP/1.1 502 ")) << peer.received;
}

}  // namespace
}  // namespace pixell::net
