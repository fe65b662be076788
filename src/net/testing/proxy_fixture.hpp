#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "net/grpc.hpp"
#include "net/proxy_exchange.hpp"
#include "net/reply.hpp"
#include "net/testing/wire_fixture.hpp"

namespace pixell::net::fixture {

class ProxyFixture;

/// Forwards to one upstream and leaves the rest to its test.
class TestExchange final : public ProxyExchange {
 public:
  TestExchange(ProxyFixture& test, ServerStream& stream, const Address& upstream);
  ~TestExchange() override { leave(); }

 private:
  void prepare(OutgoingHead&) override {}
  void on_reply_head(ResponseHead& head) override { head.headers.set("x-hop", "front"); }
  void answer_failure(ServerStream& stream, AbortReason reason, bool sent) override;
  void on_done(const ProxyOutcome& outcome) override;

  ProxyFixture& test_;
};

/// client ──▶ front server ──TestExchange──▶ upstream server, all on one loop.
class ProxyFixture : public ::testing::Test {
 protected:
  friend class TestExchange;
  ProxyFixture() = default;
  /// With a clock that only the test moves.
  explicit ProxyFixture(const FakeClock& clock) : driver(clock) {}
  void start(FunctionService::Function upstream) {
    upstream_ = std::make_unique<LoopbackServer>(driver.loop(), std::move(upstream));
    start_front(upstream_->address());
  }
  void start_front(Address upstream) {
    front_ =
        std::make_unique<LoopbackServer>(driver.loop(), [this, upstream](ServerStream& stream) {
          return std::make_unique<TestExchange>(*this, stream, upstream);
        });
  }
  ClientStream& open(const RequestHead& head, Answer& answer) {
    return client.open(front_->address(), front_protocol, head, answer);
  }
  std::unique_ptr<Script> script() { return std::make_unique<Script>(driver); }
  FunctionService::Function echo() {
    return [this](ServerStream& stream) {
      auto handler = script();
      stream.send_head({}, false);
      handler->data = [s = &stream](std::string_view bytes) {
        if (!s->send_data(bytes)) s->pause();
      };
      handler->writable = [s = &stream] { s->resume(); };
      handler->end = [s = &stream](const Headers&) { s->finish(); };
      return handler;
    };
  }
  /// Waits for the end of the exchange; a second on_done would be a second outcome.
  bool is_done() {
    const bool done = driver.until([&] { return !outcomes.empty(); });
    driver.settle();
    return done && outcomes.size() == 1;
  }

  Driver driver;
  Protocol front_protocol = Protocol::Http1;
  Protocol upstream_protocol = Protocol::Http1;
  std::function<void(ServerStream&, AbortReason, bool)> on_failure;
  ProxyLimits limits;
  ProxyTap* tap = nullptr;
  std::vector<ProxyOutcome> outcomes;
  std::unique_ptr<LoopbackServer> upstream_;
  HttpClient proxy_client{driver.loop()};
  std::unique_ptr<LoopbackServer> front_;
  HttpClient client{driver.loop()};
};

inline TestExchange::TestExchange(ProxyFixture& test, ServerStream& stream, const Address& upstream)
    : ProxyExchange(test.driver.loop(), test.proxy_client, stream), test_(test) {
  limit(test.limits);
  if (test.tap != nullptr) ProxyExchange::tap(*test.tap);
  forward(test.proxy_client.upstream(upstream), test.upstream_protocol);
}

inline void TestExchange::answer_failure(ServerStream& stream, AbortReason reason, bool sent) {
  if (test_.on_failure) return test_.on_failure(stream, reason, sent);
  if (stream.request().is_grpc()) return send_grpc_status(stream, ErrorCode::Unavailable, "gone");
  send_problem(stream, 502, "gone");
}

inline void TestExchange::on_done(const ProxyOutcome& outcome) {
  test_.outcomes.push_back(outcome);
  test_.driver.changed();
}

/// All four pairs of protocols; proxy_exchange_test.cpp instantiates it.
class ProxyPair : public ProxyFixture,
                  public ::testing::WithParamInterface<std::tuple<Protocol, Protocol>> {
 protected:
  ProxyPair() { std::tie(front_protocol, upstream_protocol) = GetParam(); }
};

}  // namespace pixell::net::fixture
