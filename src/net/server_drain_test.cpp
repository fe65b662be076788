#include <gtest/gtest.h>

#include <string>

#include "net/limits.hpp"
#include "net/reply.hpp"
#include "net/testing/server_fixture.hpp"

namespace pixell::net {
namespace {

using namespace fixture;

class ServerDrainTest : public ServerTest {};

TEST_F(ServerDrainTest, DrainEndsIdleConnectionsAndFinishesTheOthers) {
  start();
  auto idle_peer = idle();
  auto active = ask();
  auto started = ask();
  ResponseHead head;
  head.headers.add("Content-Length", "4");
  streams.back()->send_head(head, false);
  ServerStream& running = *streams.back();
  bool is_drained = false;

  server->drain([&] { is_drained = true; });

  EXPECT_TRUE(idle_peer->is_closed());
  EXPECT_TRUE(active->is_open());
  EXPECT_FALSE(is_drained);
  send_reply(*streams[1], 200, "", "ok");
  EXPECT_TRUE(active->is_closed());
  EXPECT_NE(active->received.find("Connection: close\r\n"), std::string::npos);
  running.send_data("done");
  running.finish();
  EXPECT_TRUE(started->is_closed());
  EXPECT_TRUE(started->received.ends_with("done"));
  EXPECT_TRUE(eventually(driver, [&] { return is_drained; }));
  EXPECT_TRUE(aborts.empty());
}

TEST_F(ServerDrainTest, DrainStillAnswersARequestOnItsWay) {
  start();
  auto peer = idle();
  auto newcomer = connect();
  ASSERT_TRUE(has_connections(2));
  peer->send_some(kGet);
  bool is_drained = false;

  server->drain([&] { is_drained = true; });
  newcomer->send(kGet);

  ASSERT_TRUE(eventually(driver, [&] { return streams.size() == 3; }));
  for (const std::size_t i : {1u, 2u}) send_reply(*streams[i], 200, "", "ok");
  EXPECT_TRUE(peer->is_closed());
  EXPECT_TRUE(newcomer->is_closed());
  EXPECT_TRUE(peer->received.ends_with("ok"));
  EXPECT_TRUE(newcomer->received.ends_with("ok"));
  EXPECT_TRUE(eventually(driver, [&] { return is_drained; }));
}

TEST_F(ServerDrainTest, DrainDoesNotWaitForConnectionsThatSayNothing) {
  start();
  auto silent = connect();
  ASSERT_TRUE(has_connections(1));
  bool is_drained = false;
  server->drain([&] { is_drained = true; });
  EXPECT_TRUE(silent->is_open());

  clock.advance(kDrainGrace);

  EXPECT_TRUE(silent->is_closed());
  EXPECT_TRUE(eventually(driver, [&] { return is_drained; }));
}

TEST_F(ServerDrainTest, GentleDrainServesTheNextRequestOfAnIdleConnectionAndEndsIt) {
  start();
  auto peer = idle();
  bool is_drained = false;
  server->drain([&] { is_drained = true; }, IdleConnections::Keep);
  EXPECT_TRUE(peer->is_open());

  peer->send(kGet);
  ASSERT_TRUE(eventually(driver, [&] { return streams.size() == 2; }));
  send_reply(*streams[1], 200, "", "ok");

  EXPECT_TRUE(peer->is_closed());
  EXPECT_NE(peer->received.find("Connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(peer->received.ends_with("ok"));
  EXPECT_TRUE(eventually(driver, [&] { return is_drained; }));
}

TEST_F(ServerDrainTest, GentleDrainEndsIdleConnectionsAtTheirTimeout) {
  start();
  auto peer = idle();
  server->drain([] {}, IdleConnections::Keep);
  clock.advance(kServerIdleTimeout - Millis(1));
  EXPECT_TRUE(peer->is_open());

  clock.advance(Millis(1));

  EXPECT_TRUE(peer->is_closed());
}

TEST_F(ServerDrainTest, GentleDrainMayBeHurried) {
  start();
  auto peer = idle();
  auto silent = connect();
  ASSERT_TRUE(has_connections(2));
  int first = 0;
  int second = 0;
  server->drain([&] { ++first; }, IdleConnections::Keep);
  clock.advance(kDrainGrace);
  EXPECT_TRUE(silent->is_open()) << "it may still send its first request";

  server->drain([&] { ++second; });

  EXPECT_TRUE(peer->is_closed());
  clock.advance(kDrainGrace);
  EXPECT_TRUE(silent->is_closed());
  EXPECT_TRUE(eventually(driver, [&] { return second == 1; }));
  EXPECT_EQ(first, 0);
}

TEST_F(ServerDrainTest, DrainOfAnEmptyServerIsDoneLater) {
  start();
  bool is_drained = false;

  server->drain([&] { is_drained = true; });

  EXPECT_FALSE(is_drained);
  EXPECT_TRUE(eventually(driver, [&] { return is_drained; }));
}

TEST_F(ServerDrainTest, AcceptsWhileItDrainsUntilItStops) {
  start();
  server->drain([] {});
  driver.settle();
  auto late = ask();
  send_reply(*streams[0], 200, "", "ok");
  EXPECT_TRUE(late->is_closed());
  EXPECT_NE(late->received.find("Connection: close\r\n"), std::string::npos);
  auto in_backlog = connect();
  in_backlog->send_some(kGet);

  server->stop_accepting();

  ASSERT_TRUE(eventually(driver, [&] { return streams.size() == 2; }));
  send_reply(*streams[1], 200, "", "ok");
  EXPECT_TRUE(in_backlog->is_closed());
  EXPECT_TRUE(in_backlog->received.ends_with("ok"));
  auto too_late = connect();
  EXPECT_TRUE(eventually(driver, [&] {
    too_late->send_some("x");
    return too_late->is_reset();
  }));
}

}  // namespace
}  // namespace pixell::net
