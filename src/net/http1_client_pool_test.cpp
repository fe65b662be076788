#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/limits.hpp"
#include "net/testing/http1_client_fixture.hpp"

// The connections of HttpClient over HTTP/1: how they are made, kept, used again and given up.

namespace pixell::net {
namespace {

using namespace fixture;

TEST_F(Http1ClientTest, ReusesTheConnectionUsedLast) {
  Answer first(driver);
  Answer second(driver);
  get(first, "/1");
  auto one = upstream.accept();
  ASSERT_TRUE(one->got("\r\n\r\n"));
  get(second, "/2");
  auto two = upstream.accept();
  ASSERT_TRUE(two->got("\r\n\r\n"));
  two->send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(is_over(second));
  one->send("HTTP/1.1 204 No Content\r\n\r\n");
  ASSERT_TRUE(is_over(first));
  one->take();
  two->take();

  Answer third(driver);
  get(third, "/3");

  ASSERT_TRUE(one->got("GET /3 HTTP/1.1\r\nHost: test\r\n\r\n"));
  Answer fourth(driver);
  get(fourth, "/4");
  ASSERT_TRUE(two->got("GET /4 HTTP/1.1\r\nHost: test\r\n\r\n"));
  EXPECT_FALSE(upstream.has_connection());
}

TEST_F(Http1ClientTest, MayOpenTheNextRequestAtTheEndOfOne) {
  auto peer = reusable();
  Answer second(driver);
  Answer first(driver);
  first.at_end = [&] { get(second, "/next"); };
  get(first);
  ASSERT_TRUE(peer->got("\r\n\r\n"));
  peer->take();

  peer->send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n");

  ASSERT_TRUE(peer->got("GET /next HTTP/1.1\r\nHost: test\r\n\r\n"));
  EXPECT_EQ(first.trailers.get("x"), "y");
  peer->send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nz");
  ASSERT_TRUE(is_over(second));
  EXPECT_EQ(second.body, "z");
}

TEST_F(Http1ClientTest, TellsAReusedConnectionThatDiedUnused) {
  auto peer = reusable();
  Answer answer(driver);
  get(answer);
  peer->close();  // crosses the request on the wire

  ASSERT_TRUE(is_over(answer));

  EXPECT_EQ(*answer.reason, AbortReason::UnusedClosed);
}

TEST_F(Http1ClientTest, AReusedConnectionThatDiedAmidTheHeadWasUsed) {
  auto peer = reusable();
  Answer answer(driver);
  get(answer);
  ASSERT_TRUE(peer->got("\r\n\r\n"));

  peer->send("HTTP/1.1");
  peer->close();

  ASSERT_TRUE(is_over(answer));
  EXPECT_EQ(*answer.reason, AbortReason::PeerClosed);
}

TEST_F(Http1ClientTest, DropsIdleConnectionsThatCloseOrSpeak) {
  auto closing = reusable();
  closing->close();
  driver.settle();
  auto speaking = reusable();
  speaking->send("HTTP/1.1 408 Request Timeout\r\n\r\n");
  EXPECT_TRUE(speaking->is_closed());

  EXPECT_NE(reusable(), nullptr) << "a new connection";
}

TEST_F(Http1ClientTest, ClosesConnectionsThatAreIdleForLong) {
  auto early = reusable();
  clock.advance(kPoolIdleTimeout - Millis(1'000));
  driver.settle();
  EXPECT_TRUE(early->is_open());
  Answer answer(driver);
  get(answer);
  ASSERT_TRUE(early->got("\r\n\r\n"));
  auto late = reusable();
  early->send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(is_over(answer));
  clock.advance(kPoolIdleTimeout - Millis(1));
  EXPECT_TRUE(early->is_open());
  EXPECT_TRUE(late->is_open());

  clock.advance(Millis(1));

  EXPECT_TRUE(early->is_closed());
  EXPECT_TRUE(late->is_closed());
}

TEST_F(Http1ClientTest, KeepsOnlySoManyIdleConnections) {
  HttpClient small(driver.loop(), {.max_idle = 1});
  std::vector<std::unique_ptr<Answer>> answers;
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (int i = 0; i < 2; ++i) {
    answers.push_back(std::make_unique<Answer>(driver));
    small.open(upstream.address(), Protocol::Http1, request("GET", "/"), *answers.back()).finish();
    peers.push_back(upstream.accept());
    ASSERT_TRUE(peers.back()->got("\r\n\r\n"));
  }
  for (int i : {0, 1}) {
    peers[std::size_t(i)]->send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    ASSERT_TRUE(is_over(*answers[std::size_t(i)]));
  }

  EXPECT_TRUE(peers[0]->is_closed());
  EXPECT_TRUE(peers[1]->is_open());
}

TEST_F(Http1ClientTest, ForgetAlsoRetiresBusyConnections) {
  auto idle = reusable();
  Answer answer(driver);
  get(answer);
  ASSERT_TRUE(idle->got("\r\n\r\n"));

  client.forget(upstream.address());
  idle->send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

  ASSERT_TRUE(is_over(answer));
  EXPECT_EQ(answer.body, "ok");
  EXPECT_TRUE(idle->is_closed());
}

TEST_F(Http1ClientTest, TellsRefusedConnections) {
  const TempDirectory directory;
  const auto closed = [] {
    const UniqueFd socket = std::move(listen_tcp("127.0.0.1", 0).value());
    return Address{"127.0.0.1:" + std::to_string(bound_port(socket.get()).value())};
  }();
  {
    const auto stale = listen_unix(directory / "stale");
    ASSERT_TRUE(stale);
  }
  for (const Address& address :
       {closed, Address{"unix:" + (directory / "none").string()},
        Address{"unix:" + (directory / "stale").string()}, Address{"nonsense"}}) {
    SCOPED_TRACE(address.text);
    Answer answer(driver);
    ClientStream& stream = client.open(address, Protocol::Http1, request("POST", "/"), answer);
    EXPECT_FALSE(answer.is_over()) << "never from inside open()";
    stream.send_data("abc");
    stream.finish();
    EXPECT_FALSE(answer.is_over());
    EXPECT_FALSE(stream.request_started());
    ASSERT_TRUE(is_over(answer));
    EXPECT_EQ(*answer.reason, AbortReason::Refused);
  }
}

TEST_F(Http1ClientTest, WaitsForAFullUnixBacklogUntilTheConnectTimeout) {
  const TempDirectory directory;
  const std::string path = (directory / "s").string();
  const UniqueFd listener = std::move(listen_unix(path, 0600, 0).value());
  const Address address{"unix:" + path};
  std::vector<UniqueFd> waiting;
  for (auto next = start_connect(Upstream(address)); next;
       next = start_connect(Upstream(address))) {
    waiting.push_back(std::move(*next));
  }
  Answer answer(driver);
  client.open(address, Protocol::Http1, request("GET", "/"), answer).finish();
  driver.settle();
  EXPECT_FALSE(answer.is_over());
  Answer late(driver);
  client.open(address, Protocol::Http1, request("GET", "/"), late).finish();

  // Room for one.
  RawPeer(driver, UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC))).close();
  clock.advance(Millis(100));
  driver.settle();
  clock.advance(kConnectTimeout);

  ASSERT_TRUE(is_over(late));
  EXPECT_EQ(*late.reason, AbortReason::Timeout);
  EXPECT_FALSE(answer.is_over()) << "it stands, and waits for its answer";
}

}  // namespace
}  // namespace pixell::net
