#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "net/client.hpp"
#include "net/testing/wire_fixture.hpp"

namespace pixell::net::fixture {

/// Client and server of HTTP/2 on one loop, with the real clock.
class Http2 : public ::testing::Test {
 protected:
  LoopbackServer& serve(FunctionService::Function function, ServerOptions options = {}) {
    server_ = std::make_unique<LoopbackServer>(driver.loop(), std::move(function), options);
    return *server_;
  }
  ClientStream& open(const RequestHead& head, Answer& answer) {
    return client.open(server_->address(), Protocol::Http2, head, answer);
  }
  std::unique_ptr<Script> script() { return std::make_unique<Script>(driver); }

  Driver driver;
  std::unique_ptr<LoopbackServer> server_;
  HttpClient client{driver.loop()};
};

}  // namespace pixell::net::fixture
