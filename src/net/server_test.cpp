#include "net/server.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <memory>
#include <string>
#include <vector>

#include "net/limits.hpp"
#include "net/reply.hpp"
#include "net/server_tally.hpp"
#include "net/testing/server_fixture.hpp"

namespace pixell::net {
namespace {

using namespace fixture;

TEST_F(ServerTest, TellsWhoIsAtTheOtherEnd) {
  start();
  const auto peer = ask();

  EXPECT_EQ(streams[0]->peer().listener, "rest");
  EXPECT_TRUE(streams[0]->peer().address.starts_with("127.0.0.1:"));
  EXPECT_EQ(server->connections(), 1u);
  EXPECT_EQ(server->active_streams(), 1u);
}

TEST_F(ServerTest, ServesUnixSockets) {
  start();
  const TempDirectory directory;
  const std::string path = (directory / "s").string();
  ASSERT_TRUE(server->listen(std::move(listen_unix(path).value()), "worker"));
  address = {"unix:" + path};

  const auto peer = ask();

  EXPECT_EQ(streams[0]->peer().address, "unix");
  EXPECT_EQ(streams[0]->peer().listener, "worker");
}

TEST_F(ServerTest, TellsTheProtocolsApartByTheFirstBytes) {
  start();
  auto http1 = connect();
  for (const char c : std::string("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")) {
    http1->send({&c, 1});  // starts like the preface of HTTP/2
    driver.settle();
  }
  ASSERT_TRUE(eventually(driver, [&] { return streams.size() == 1; }));
  EXPECT_EQ(streams[0]->request().method, "PUT");

  auto http2 = connect();
  const std::string preface("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
  for (const char c : preface) {
    http2->send({&c, 1});
    driver.settle();
  }
  ASSERT_TRUE(http2->got_bytes(9));
  EXPECT_EQ(http2->received[3], 4) << "a SETTINGS frame";
}

TEST_F(ServerTest, CountsConnectionsByProtocol) {
  start();
  const auto kept = idle();
  auto left = idle();
  auto http2 = connect();
  http2->send(std::string_view("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33));
  ASSERT_TRUE(http2->got_bytes(9));
  const auto silent = connect();
  ASSERT_TRUE(has_connections(4));

  left->close();
  ASSERT_TRUE(has_connections(3));
  const ServerTally& tally = server->tally();
  EXPECT_EQ(tally.of(Carries::Http1, false).accepted, 2);
  EXPECT_EQ(tally.of(Carries::Http1, false).open, 1);
  EXPECT_EQ(tally.of(Carries::Http2, false).accepted, 1);
  EXPECT_EQ(tally.of(Carries::Http2, false).open, 1);
  EXPECT_EQ(tally.of(Carries::Http1, true).accepted, 0);

  server->close_all();
  EXPECT_EQ(tally.of(Carries::Http1, false).open, 0);
  EXPECT_EQ(tally.of(Carries::Http2, false).open, 0);
  EXPECT_EQ(tally.of(Carries::Http1, false).accepted, 2);
}

TEST_F(ServerTest, ClosesAConnectionThatSaysNothing) {
  start({.head_timeout = Millis(100)});
  auto peer = connect();
  ASSERT_TRUE(has_connections(1));

  clock.advance(Millis(100));

  EXPECT_TRUE(peer->is_closed());
  EXPECT_EQ(peer->received, "");
  EXPECT_EQ(server->connections(), 0u);
}

TEST_F(ServerTest, ForgetsAConnectionThatLeavesWithoutAWord) {
  start();
  auto peer = connect();
  ASSERT_TRUE(has_connections(1));

  peer->close();

  EXPECT_TRUE(has_connections(0));
}

TEST_F(ServerTest, AnswersAHeadThatTakesTooLong) {
  start({.head_timeout = Millis(100), .idle_timeout = Millis(10'000)});
  auto peer = idle();
  clock.advance(Millis(5'000));
  EXPECT_TRUE(peer->is_open());
  peer->send("GET / HT");
  driver.settle();

  clock.advance(Millis(100));

  EXPECT_TRUE(peer->is_closed());
  EXPECT_TRUE(peer->received.starts_with("HTTP/1.1 408 ")) << peer->received;
}

TEST_F(ServerTest, ClosesIdleConnections) {
  start({.idle_timeout = Millis(1'000)});
  auto peer = idle();
  clock.advance(Millis(900));
  driver.settle();
  peer->send(kGet);
  ASSERT_TRUE(eventually(driver, [&] { return streams.size() == 2; }));
  clock.advance(Millis(5'000));
  driver.settle();
  send_reply(*streams[1], 200, "", "ok");
  ASSERT_TRUE(peer->got("ok"));
  clock.advance(Millis(900));
  EXPECT_TRUE(peer->is_open()) << "the reply started the wait anew";

  clock.advance(Millis(100));

  EXPECT_TRUE(peer->is_closed());
  EXPECT_FALSE(peer->is_reset());
}

TEST_F(ServerTest, CloseAllCutsEverything) {
  start();
  auto newcomer = connect();
  auto waiting = idle();
  auto active = ask();

  server->close_all();

  EXPECT_EQ(aborts, std::vector<AbortReason>{AbortReason::Shutdown});
  EXPECT_EQ(server->connections(), 0u);
  EXPECT_EQ(server->active_streams(), 0u);
  for (RawPeer* peer : {newcomer.get(), waiting.get(), active.get()})
    EXPECT_TRUE(peer->is_closed());
}

TEST_F(ServerTest, CloseAllMayBeCalledByAService) {
  service_ = std::make_unique<FunctionService>([this](ServerStream& stream) {
    server->close_all();
    stream.send_head({}, true);
    auto handler = std::make_unique<Script>(driver);
    handler->end = [](const Headers&) { ADD_FAILURE(); };
    handler->abort = [this](AbortReason reason) { aborts.push_back(reason); };
    return handler;
  });
  server = std::make_unique<HttpServer>(driver.loop(), *service_, Log(2, LogLevel::Error));
  UniqueFd socket = std::move(listen_tcp("127.0.0.1", 0).value());
  address = {"127.0.0.1:" + std::to_string(bound_port(socket.get()).value())};
  ASSERT_TRUE(server->listen(std::move(socket), "rest"));
  auto peer = connect();

  peer->send(kGet);

  EXPECT_TRUE(peer->is_closed());
  EXPECT_EQ(aborts, std::vector<AbortReason>{AbortReason::Shutdown});
}

TEST_F(ServerTest, TellsItsHandlersWhenItIsDestroyed) {
  start();
  auto active = ask();

  server.reset();

  EXPECT_EQ(aborts, std::vector<AbortReason>{AbortReason::Shutdown});
  EXPECT_TRUE(active->is_closed());
}

TEST_F(ServerTest, StopsAcceptingAtItsLimit) {
  start({.max_connections = 2});
  auto first = idle();
  auto second = idle();
  auto third = connect();
  third->send(kGet);
  driver.settle();
  EXPECT_EQ(streams.size(), 2u);
  EXPECT_EQ(server->connections(), 2u);

  first->close();

  EXPECT_TRUE(eventually(driver, [&] { return streams.size() == 3; }));
}

TEST_F(ServerTest, RestsWhenTheProcessHasNoDescriptorLeft) {
  start();
  auto peer = connect();
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const UniqueFd next(::fcntl(0, F_DUPFD_CLOEXEC, 0));
  rlimit none = limit;
  none.rlim_cur = static_cast<rlim_t>(next.get());  // nothing above what is open
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  peer->send_some(kGet);
  driver.settle();
  EXPECT_EQ(server->connections(), 0u);

  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  driver.settle();
  EXPECT_EQ(server->connections(), 0u) << "it does not spin, it rests";
  clock.advance(kAcceptPause);

  EXPECT_TRUE(eventually(driver, [&] { return streams.size() == 1; }));
}

TEST_F(ServerTest, TwoServersShareAListener) {
  start();
  int second_requests = 0;
  FunctionService second_service([&](ServerStream& stream) {
    ++second_requests;
    send_reply(stream, 200, "", "ok");
    return ignore_body();
  });
  UniqueFd socket = std::move(listen_tcp("127.0.0.1", 0).value());
  address = {"127.0.0.1:" + std::to_string(bound_port(socket.get()).value())};
  HttpServer second(driver.loop(), second_service, Log(2, LogLevel::Error));
  ASSERT_TRUE(second.listen(UniqueFd(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0)), "a"));
  ASSERT_TRUE(server->listen(std::move(socket), "b"));

  server->stop_accepting();
  auto peer = connect();
  peer->send(kGet);

  EXPECT_TRUE(peer->got("ok")) << "the socket lives on in the other server";
  EXPECT_EQ(second_requests, 1);
}

}  // namespace
}  // namespace pixell::net
