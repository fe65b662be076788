#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/reply.hpp"
#include "net/testing/wire_fixture.hpp"
#include "net/tls/testing/certificates.hpp"
#include "net/tls/testing/tls_client.hpp"
#include "net/tls/tls_server.hpp"

namespace pixell::net::tls::fixture {

using net::fixture::Driver;
using net::fixture::eventually;
using net::fixture::FunctionService;
using net::fixture::Script;

/// HTTP on an encrypted listener. Only the test moves the clock.
class TlsTest : public ::testing::Test {
 protected:
  /// The files of `a.test` and `*.b.test`, the first of which is the default.
  TlsOptions two_certificates() {
    return {
        .certificates = {files.store("a", certify({"a", "DNS:a.test"}, &authority)),
                         files.store("b", certify({"b", "DNS:*.b.test,DNS:b.test"}, &authority))}};
  }
  void load(TlsOptions options) {
    auto loaded = TlsServer::load(std::move(options), Log(2, LogLevel::Error), clock);
    ASSERT_TRUE(loaded) << loaded.error().message;
    tls = std::move(*loaded);
  }
  void serve(FunctionService::Function function, ServerOptions options = {}) {
    if (tls == nullptr) load(two_certificates());
    service_ = std::make_unique<FunctionService>(std::move(function));
    server =
        std::make_unique<HttpServer>(driver.loop(), *service_, Log(2, LogLevel::Error), options);
    UniqueFd socket = std::move(listen_tcp("127.0.0.1", 0).value());
    port = bound_port(socket.get()).value();
    ASSERT_TRUE(server->listen(std::move(socket), {.name = "tls", .transports = tls.get()}));
  }
  /// Answers with what the service saw.
  void serve_facts() {
    serve([this](ServerStream& opened) {
      seen.push_back(opened.peer());
      send_reply(opened, 200, "text/plain", opened.request().scheme);
      return ignore_body();
    });
  }
  Address address() const { return {"127.0.0.1:" + std::to_string(port)}; }
  TlsClient connect(const Offer& offer = {}) { return TlsClient(driver, address(), offer); }
  std::unique_ptr<Script> script() { return std::make_unique<Script>(driver); }
  /// One request and its answer, so that what follows a handshake has come too.
  bool gets(TlsClient& client) {
    client.received.clear();
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    return client.got("https");
  }
  /// Which certificate a name is shown.
  std::string shown_to(const std::string& name) {
    TlsClient client = connect({.server_name = name});
    return client.shake_hands() ? client.server_name() : "refused";
  }

  FakeClock clock{system_clock().unix_now()};
  Driver driver{clock};
  CertificateDirectory files;
  Made authority = certify({"authority"});
  std::unique_ptr<TlsServer> tls;
  std::vector<PeerInfo> seen;
  std::uint16_t port = 0;
  std::unique_ptr<HttpServer> server;

 private:
  std::unique_ptr<FunctionService> service_;
};

}  // namespace pixell::net::tls::fixture
