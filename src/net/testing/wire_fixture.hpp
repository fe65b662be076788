#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "base/testing/fake_clock.hpp"
#include "base/testing/temp_directory.hpp"
#include "net/client.hpp"
#include "net/event_loop.hpp"
#include "net/server.hpp"
#include "net/sockets.hpp"
#include "net/stream.hpp"

// For tests of net: a loop that runs until something holds, and handlers that remember.

namespace pixell::net::fixture {

/// Runs a loop until a condition holds. Whoever changes what a condition looks at calls changed().
class Driver {
 public:
  Driver() : loop_(std::move(EventLoop::create().value())) {}
  /// With a clock that only the test moves, until() has no deadline of its own.
  explicit Driver(const FakeClock& clock)
      : loop_(std::move(EventLoop::create(clock).value())), has_deadline_(false) {}

  EventLoop& loop() { return *loop_; }

  /// True when the condition held within 30 seconds.
  bool until(std::function<bool()> condition) {
    if (condition()) return true;
    condition_ = std::move(condition);
    held_ = false;
    is_late_ = false;
    Timer late;
    if (has_deadline_)
      late = loop_->after(Millis(30'000), [this] {
        is_late_ = true;
        loop_->stop();
      });
    while (!held_ && !is_late_) loop_->run();
    condition_ = nullptr;
    return held_;
  }

  /// Lets everything that is ready run: three turns of the loop.
  void settle() {
    for (int turn = 0; turn < 3; ++turn) {
      loop_->stop();
      loop_->run();
    }
  }

  void changed() {
    if (!condition_ || held_ || !condition_()) return;
    held_ = true;
    loop_->stop();
  }

 private:
  std::unique_ptr<EventLoop> loop_;
  const bool has_deadline_ = true;
  std::function<bool()> condition_;
  bool held_ = false;
  bool is_late_ = false;
};

/// A client's handler that remembers what came.
class Answer final : public ClientHandler {
 public:
  explicit Answer(Driver& driver) : driver_(driver) {}

  void on_informational(const ResponseHead& interim) override {
    informational.push_back(interim.status);
  }
  void on_head(ResponseHead& sent) override {
    head = sent;
    driver_.changed();
  }
  void on_data(std::string_view bytes) override {
    size += bytes.size();
    if (keeps_body) body += bytes;
    if (on_bytes) on_bytes(bytes);
    driver_.changed();
  }
  void on_end(const Headers& fields) override {
    trailers = fields;
    ended = true;
    if (at_end) at_end();
    driver_.changed();
  }
  void on_writable() override {
    if (writable) writable();
  }
  void on_abort(AbortReason why) override {
    reason = why;
    driver_.changed();
  }
  bool is_over() const { return ended || reason; }
  int status() const { return head ? head->status : 0; }

  std::optional<ResponseHead> head;
  std::vector<int> informational;
  std::string body;
  std::size_t size = 0;
  bool keeps_body = true;
  Headers trailers;
  bool ended = false;
  std::optional<AbortReason> reason;
  std::function<void(std::string_view)> on_bytes;
  std::function<void()> at_end;
  std::function<void()> writable;

 private:
  Driver& driver_;
};

/// A server's handler made of functions; those left empty do nothing.
class Script final : public StreamHandler {
 public:
  explicit Script(Driver& driver) : driver_(driver) {}

  void on_data(std::string_view bytes) override {
    if (data) data(bytes);
    driver_.changed();
  }
  void on_end(const Headers& trailers) override {
    if (end) end(trailers);
    driver_.changed();
  }
  void on_writable() override {
    if (writable) writable();
    driver_.changed();
  }
  void on_abort(AbortReason reason) override {
    if (abort) abort(reason);
    driver_.changed();
  }

  std::function<void(std::string_view)> data;
  std::function<void(const Headers&)> end;
  std::function<void()> writable;
  std::function<void(AbortReason)> abort;

 private:
  Driver& driver_;
};

/// A service made of one function.
class FunctionService final : public Service {
 public:
  using Function = std::function<std::unique_ptr<StreamHandler>(ServerStream&)>;
  explicit FunctionService(Function function) : function_(std::move(function)) {}
  std::unique_ptr<StreamHandler> on_request(ServerStream& stream) override {
    return function_(stream);
  }

 private:
  Function function_;
};

/// A server on a loopback port.
class LoopbackServer {
 public:
  LoopbackServer(EventLoop& loop, FunctionService::Function function, ServerOptions options = {})
      : service_(std::move(function)), server_(loop, service_, Log(2, LogLevel::Error), options) {
    UniqueFd socket = std::move(listen_tcp("127.0.0.1", 0).value());
    port_ = bound_port(socket.get()).value();
    EXPECT_TRUE(server_.listen(std::move(socket), "test"));
  }

  HttpServer& server() { return server_; }
  std::uint16_t port() const { return port_; }
  Address address() const { return {"127.0.0.1:" + std::to_string(port_)}; }

 private:
  FunctionService service_;
  HttpServer server_;
  std::uint16_t port_ = 0;
};

inline RequestHead request(std::string method, std::string target) {
  RequestHead head;
  head.method = std::move(method);
  head.target = std::move(target);
  head.scheme = "http";
  head.authority = "test";
  return head;
}

/// Bytes that differ from place to place, so that lost or swapped pieces are seen.
inline std::string pattern(std::size_t size) {
  std::string out(size, '\0');
  std::uint32_t state = 1;
  for (char& c : out) {
    state = state * 1664525u + 1013904223u;
    c = static_cast<char>(state >> 24);
  }
  return out;
}

/// Sends a long text on a stream as fast as it takes it.
class Pump {
 public:
  Pump(Stream& stream, std::string_view text) : stream_(stream), text_(text) {}
  /// Call at the start and from on_writable.
  void run() {
    while (sent_ < text_.size()) {
      const std::string_view piece = text_.substr(sent_, 16'000);
      sent_ += piece.size();
      if (!stream_.send_data(piece)) return;
    }
    if (!finished_) {
      finished_ = true;
      stream_.finish();
    }
  }
  std::size_t sent() const { return sent_; }

 private:
  Stream& stream_;
  std::string_view text_;
  std::size_t sent_ = 0;
  bool finished_ = false;
};

}  // namespace pixell::net::fixture
