#include "cmd/pac/control_link.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <set>

#include "cmd/pac/testing/api_server.hpp"
#include "net/tls/testing/certificates.hpp"
#include "net/tls/tls_server.hpp"

namespace pixell::cmd {
namespace {

using net::tls::fixture::certify;
using net::tls::fixture::Made;
using ::testing::HasSubstr;

// A control that answers edges with certificates of `edges` over TLS.
class TlsLinkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    files_.store("control", certify({"control", "DNS:localhost"}, &controls_));
    files_.store("edge", certify({"edge"}, &edges_));
    files_.store("stranger", certify({"stranger"}, &controls_));
    files_.write("controls.pem", net::tls::fixture::pem_of(*controls_.certificate));
    files_.write("edges.pem", net::tls::fixture::pem_of(*edges_.certificate));
    auto tls = net::tls::TlsServer::load({.certificates = {files_.files("control")},
                                          .client_auth = net::tls::ClientAuth::Required,
                                          .client_ca = files_ / "edges.pem"},
                                         Log(-1));
    ASSERT_TRUE(tls) << tls.error().message;
    tls_ = std::move(*tls);
    control_ = std::make_unique<testing::ApiServer>(
        [this](const net::RequestHead& head, net::BodyReader& body) {
          const auto read = body.read_all(1000, Millis(5'000));
          std::lock_guard lock(mutex_);
          asked_ = head.method + " " + head.target + " " + (read ? *read : read.error().message);
          return api::Reply{.status = 207, .body = "answer"};
        },
        net::listen_tcp("127.0.0.1", 0).value(), tls_.get());
  }

  RemoteControl remote(const std::string& ca = "controls", const std::string& shown = "edge") {
    return {.url = "https://localhost:" + std::to_string(control_->port()),
            .files = {.ca = files_ / (ca + ".pem"),
                      .certificate = files_ / (shown + ".pem"),
                      .key = files_ / (shown + ".key")}};
  }
  static Result<ControlReply> ask(RemoteControl control) {
    return make_tls_link(std::move(control))
        ->ask({.target = "/x",
               .content_type = {},
               .body = {},
               .timeout = Millis(20'000),
               .stop = {}});
  }

  net::tls::fixture::CertificateDirectory files_;
  Made controls_ = certify({"controls"});
  Made edges_ = certify({"edges"});
  std::unique_ptr<net::tls::TlsServer> tls_;
  std::unique_ptr<testing::ApiServer> control_;
  std::mutex mutex_;  // guards asked_
  std::string asked_;
};

TEST_F(TlsLinkTest, AsksControlAndKeepsTheConnection) {
  const auto link = make_tls_link(remote());

  for (int i = 0; i < 3; ++i) {
    const auto reply = link->ask({.method = "POST",
                                  .target = "/internal/x?y=1",
                                  .content_type = "application/json",
                                  .body = "{}",
                                  .timeout = Millis(20'000),
                                  .stop = {}});
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->status, 207);
    EXPECT_EQ(reply->body, "answer");
  }

  EXPECT_EQ(asked_, "POST /internal/x?y=1 {}");
  EXPECT_EQ(control_->connections(), 1u);
}

TEST_F(TlsLinkTest, DoesNotTrustAControlOfAnotherAuthority) {
  const auto reply = ask(remote("edges"));

  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::Unauthenticated);
  EXPECT_THAT(reply.error().message, HasSubstr("--control-ca"));
  EXPECT_EQ(asked_, "");
}

TEST_F(TlsLinkTest, DoesNotTrustAControlOfAnotherName) {
  RemoteControl control = remote();
  control.url = "https://127.0.0.1:" + std::to_string(control_->port());

  EXPECT_EQ(ask(control).error().code, ErrorCode::Unauthenticated);
  EXPECT_EQ(asked_, "");
}

TEST_F(TlsLinkTest, IsRefusedWithACertificateOfAnotherAuthority) {
  ASSERT_FALSE(ask(remote("controls", "stranger")));
  EXPECT_EQ(asked_, "");
}

TEST_F(TlsLinkTest, NamesTheFileThatIsNotThere) {
  const auto reply = ask(remote("controls", "missing"));

  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::Unauthenticated);
  EXPECT_THAT(reply.error().message, HasSubstr("missing.pem"));
}

TEST_F(TlsLinkTest, IsUnavailableWhileControlIsAway) {
  RemoteControl control = remote();
  control_.reset();

  EXPECT_EQ(ask(control).error().code, ErrorCode::Unavailable);
}

TEST(ParseControlUrl, TakesHostAndPortOverHttps) {
  EXPECT_EQ(parse_control_url("https://control.internal:4443").value(),
            "https://control.internal:4443");
  EXPECT_EQ(parse_control_url("https://[::1]:4443/").value(), "https://[::1]:4443");
  for (const char* wrong : {"", "control:4443", "http://control:4443", "https://", "https://a/b",
                            "https://a@b:1", "https://a:1?x"}) {
    const auto parsed = parse_control_url(wrong);
    ASSERT_FALSE(parsed) << wrong;
    EXPECT_THAT(parsed.error().message, HasSubstr("--control"));
  }
}

}  // namespace
}  // namespace pixell::cmd
