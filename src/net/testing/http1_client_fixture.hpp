#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "net/client.hpp"
#include "net/testing/raw_peer.hpp"
#include "net/testing/wire_fixture.hpp"

namespace pixell::net::fixture {

/// HttpClient over HTTP/1, and an upstream that the test answers by hand. Only the test moves the
/// clock.
class Http1ClientTest : public ::testing::Test {
 protected:
  ClientStream& open(const RequestHead& head, Answer& answer) {
    return client.open(upstream.address(), Protocol::Http1, head, answer);
  }
  ClientStream& get(Answer& answer, std::string target = "/") {
    ClientStream& stream = open(request("GET", std::move(target)), answer);
    stream.finish();
    return stream;
  }
  /// One exchange whose connection stays open behind it.
  std::unique_ptr<RawPeer> reusable() {
    Answer answer(driver);
    get(answer);
    auto peer = upstream.accept();
    EXPECT_TRUE(peer->got("\r\n\r\n"));
    peer->take();
    peer->send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    EXPECT_TRUE(is_over(answer));
    EXPECT_TRUE(answer.ended);
    return peer;
  }
  bool is_over(const Answer& answer) {
    return eventually(driver, [&] { return answer.is_over(); });
  }

  FakeClock clock;
  Driver driver{clock};
  RawListener upstream{driver};
  HttpClient client{driver.loop()};
};

}  // namespace pixell::net::fixture
