#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/reply.hpp"
#include "net/server.hpp"
#include "net/testing/raw_peer.hpp"
#include "net/testing/wire_fixture.hpp"

namespace pixell::net::fixture {

/// What start_ok() answers.
inline constexpr const char* kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// The server side of HTTP/1, and clients that send bytes by hand. Only the test moves the clock.
class Http1Test : public ::testing::Test {
 protected:
  void start(FunctionService::Function service, ServerOptions options = {}) {
    server_ = std::make_unique<LoopbackServer>(driver.loop(), std::move(service), options);
  }
  /// Answers "ok" when the request is complete.
  void start_ok() {
    start([this](ServerStream& opened) {
      targets.push_back(opened.request().target);
      auto handler = script();
      handler->end = [s = &opened](const Headers&) { send_reply(*s, 200, "", "ok"); };
      return handler;
    });
  }
  /// Remembers what happens on a stream; the test answers.
  FunctionService::Function recording() {
    return [this](ServerStream& opened) {
      stream = &opened;
      auto handler = script();
      handler->data = [this](std::string_view bytes) { body += bytes; };
      handler->end = [this](const Headers& fields) {
        ++ends;
        trailers = fields;
      };
      handler->writable = [this] { ++writables; };
      handler->abort = [this](AbortReason reason) { aborts.push_back(reason); };
      return handler;
    };
  }
  std::unique_ptr<Script> script() { return std::make_unique<Script>(driver); }
  RawPeer connect() { return RawPeer(driver, server_->address()); }
  HttpServer& server() { return server_->server(); }
  bool is_open() {
    return eventually(driver, [&] { return stream != nullptr; });
  }
  bool is_aborted() {
    return eventually(driver, [&] { return !aborts.empty(); });
  }

  FakeClock clock;
  Driver driver{clock};
  std::vector<std::string> targets;
  ServerStream* stream = nullptr;
  std::string body;
  int ends = 0;
  int writables = 0;
  Headers trailers;
  std::vector<AbortReason> aborts;
  std::unique_ptr<LoopbackServer> server_;  // last: its end aborts streams, which is recorded
};

}  // namespace pixell::net::fixture
