#include "net/server.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <memory>
#include <string>
#include <vector>

#include "net/limits.hpp"
#include "net/reply.hpp"
#include "net/testing/raw_peer.hpp"
#include "net/testing/wire_fixture.hpp"

namespace pixell::net {
namespace {

using namespace fixture;

constexpr const char* kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

class ServerTest : public testing::Test {
 protected:
  // Each request is remembered and waits for the test to answer it.
  void start(ServerOptions options = {}) {
    service_ = std::make_unique<FunctionService>([this](ServerStream& stream) {
      streams.push_back(&stream);
      auto handler = std::make_unique<Script>(driver);
      handler->abort = [this](AbortReason reason) { aborts.push_back(reason); };
      return handler;
    });
    server =
        std::make_unique<HttpServer>(driver.loop(), *service_, Log(2, LogLevel::Error), options);
    UniqueFd socket = std::move(listen_tcp("127.0.0.1", 0).value());
    address = {"127.0.0.1:" + std::to_string(bound_port(socket.get()).value())};
    ASSERT_TRUE(server->listen(std::move(socket), "rest"));
  }
  std::unique_ptr<RawPeer> connect() { return std::make_unique<RawPeer>(driver, address); }
  // A connection whose request waits for its answer.
  std::unique_ptr<RawPeer> ask() {
    const std::size_t before = streams.size();
    auto peer = connect();
    peer->send(kGet);
    EXPECT_TRUE(eventually(driver, [&] { return streams.size() > before; }));
    return peer;
  }
  // A connection that was answered and waits.
  std::unique_ptr<RawPeer> idle() {
    auto peer = ask();
    send_reply(*streams.back(), 200, "", "ok");
    EXPECT_TRUE(peer->got("ok"));
    peer->take();
    return peer;
  }
  bool has_connections(std::size_t count) {
    return eventually(driver, [&] { return server->connections() == count; });
  }

  FakeClock clock;
  Driver driver{clock};
  Address address;
  std::vector<ServerStream*> streams;
  std::vector<AbortReason> aborts;
  std::unique_ptr<FunctionService> service_;
  std::unique_ptr<HttpServer> server;  // last: its end aborts streams, which is recorded
};

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

TEST_F(ServerTest, CutsAnExchangeThatStalls) {
  start({.stall_timeout = Millis(1'000)});
  auto peer = ask();
  streams[0]->send_head({}, false);
  for (int i = 0; i < 5; ++i) {
    clock.advance(Millis(600));
    streams[0]->send_data("heartbeat");
    driver.settle();
  }
  EXPECT_TRUE(peer->is_open());
  EXPECT_TRUE(aborts.empty());

  clock.advance(Millis(1'000));
  driver.settle();
  clock.advance(Millis(1'000));

  EXPECT_TRUE(peer->is_closed());
  EXPECT_EQ(aborts, std::vector<AbortReason>{AbortReason::Timeout});
}

TEST_F(ServerTest, DrainEndsIdleConnectionsAndFinishesTheOthers) {
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

TEST_F(ServerTest, DrainStillAnswersARequestOnItsWay) {
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

TEST_F(ServerTest, DrainDoesNotWaitForConnectionsThatSayNothing) {
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

TEST_F(ServerTest, DrainOfAnEmptyServerIsDoneLater) {
  start();
  bool is_drained = false;

  server->drain([&] { is_drained = true; });

  EXPECT_FALSE(is_drained);
  EXPECT_TRUE(eventually(driver, [&] { return is_drained; }));
}

TEST_F(ServerTest, AcceptsWhileItDrainsUntilItStops) {
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
