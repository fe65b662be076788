#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "net/proxy_exchange.hpp"
#include "net/testing/wire_fixture.hpp"

namespace pixell::net::fixture {

/// client ──▶ front server ──proxy()──▶ upstream server, all on one loop.
class ProxyFixture : public ::testing::Test {
 protected:
  void start(FunctionService::Function upstream) {
    upstream_ = std::make_unique<LoopbackServer>(driver.loop(), std::move(upstream));
    start_front(upstream_->address());
  }
  void start_front(Address upstream) {
    front_ =
        std::make_unique<LoopbackServer>(driver.loop(), [this, upstream](ServerStream& stream) {
          ProxyPlan plan;
          plan.upstream = upstream;
          plan.protocol = upstream_protocol;
          plan.head = stream.request();
          if (!plan.head.is_upgrade()) remove_hop_by_hop(plan.head.headers);
          plan.on_reply_head = [](ResponseHead& head) { head.headers.set("x-hop", "front"); };
          plan.on_upstream_failure = on_failure;
          plan.on_done = [this](const ProxyOutcome& outcome) {
            outcomes.push_back(outcome);
            driver.changed();
          };
          return proxy(driver.loop(), proxy_client, stream, std::move(plan));
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
  std::vector<ProxyOutcome> outcomes;
  std::unique_ptr<LoopbackServer> upstream_;
  HttpClient proxy_client{driver.loop()};
  std::unique_ptr<LoopbackServer> front_;
  HttpClient client{driver.loop()};
};

/// All four pairs of protocols; proxy_exchange_test.cpp instantiates it.
class ProxyPair : public ProxyFixture,
                  public ::testing::WithParamInterface<std::tuple<Protocol, Protocol>> {
 protected:
  ProxyPair() { std::tie(front_protocol, upstream_protocol) = GetParam(); }
};

}  // namespace pixell::net::fixture
