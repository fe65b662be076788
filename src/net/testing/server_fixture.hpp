#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "net/server.hpp"
#include "net/testing/raw_peer.hpp"
#include "net/testing/wire_fixture.hpp"

namespace pixell::net::fixture {

inline constexpr const char* kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// A server whose clients are raw sockets and whose clock is turned by hand.
class ServerTest : public ::testing::Test {
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

}  // namespace pixell::net::fixture
