#include "edge/forwarded.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "base/testing/fake_clock.hpp"

namespace pixell::edge {
namespace {

class ForwardedTest : public ::testing::Test {
 protected:
  void SetUp() override {
    request_.method = "GET";
    request_.target = "/agents/hello/";
    request_.scheme = "https";  // a claim, which counts for nothing
    request_.authority = "agents.example.com";
  }
  void trust(std::vector<std::string> entries) {
    forwarder_ = Forwarder(std::move(*TrustedProxies::parse(entries)));
  }
  void with(std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
    for (const auto& [name, value] : fields) request_.headers.add(name, value);
  }
  std::string fill(const std::string& peer = "192.0.2.7:5123") {
    added_.clear();
    std::string id(forwarder_.request_id(request_, clock_));
    forwarder_.fill(request_,
                    {.address = peer, .listener = "public", .is_encrypted = is_encrypted_}, id,
                    added_);
    return id;
  }
  std::string added(std::string_view name) { return std::string(added_.get(name).value_or("-")); }

  FakeClock clock_;
  net::RequestHead request_;
  bool is_encrypted_ = false;
  net::Headers added_;
  Forwarder forwarder_{TrustedProxies()};
};

TEST_F(ForwardedTest, TellsWhoAsksForWhat) {
  const std::string id = fill();

  EXPECT_EQ(added("x-forwarded-for"), "192.0.2.7");
  EXPECT_EQ(added("x-forwarded-proto"), "http");
  EXPECT_EQ(added("x-forwarded-host"), "agents.example.com");
  EXPECT_EQ(added("x-forwarded-port"), "80");
  EXPECT_EQ(added("forwarded"), "for=192.0.2.7;proto=http;host=agents.example.com");
  EXPECT_TRUE(is_ulid(id));
  EXPECT_EQ(added("x-request-id"), id);
  for (const char* dropped : {"x-real-ip", "x-pixell-mirror"}) EXPECT_EQ(added(dropped), "");
  EXPECT_EQ(added_.size(), 8U);
}

TEST_F(ForwardedTest, QuotesWhatIsNoToken) {
  is_encrypted_ = true;
  request_.authority = "example.com:8443";
  fill("[2001:db8::1]:443");

  EXPECT_EQ(added("x-forwarded-for"), "2001:db8::1");
  EXPECT_EQ(added("x-forwarded-port"), "8443");
  EXPECT_EQ(added("forwarded"), "for=\"[2001:db8::1]\";proto=https;host=\"example.com:8443\"");

  request_.authority = "[2001:db8::2]";
  fill("unix");
  EXPECT_EQ(added("x-forwarded-for"), "unix");
  EXPECT_EQ(added("x-forwarded-port"), "443");
  EXPECT_EQ(added("forwarded"), "for=_unix;proto=https;host=\"[2001:db8::2]\"");

  request_.authority = "a\"b\\c";
  fill();
  EXPECT_EQ(added("forwarded"), R"(for=192.0.2.7;proto=https;host="a\"b\\c")");
}

TEST_F(ForwardedTest, SaysNothingOfAHostNobodyNamed) {
  request_.authority.clear();
  fill();

  EXPECT_EQ(added("x-forwarded-host"), "");
  EXPECT_EQ(added("x-forwarded-port"), "80");
  EXPECT_EQ(added("forwarded"), "for=192.0.2.7;proto=http");
}

TEST_F(ForwardedTest, ReplacesWhatAStrangerSaysOfHimself) {
  trust({"10.0.0.0/8"});
  with({{"X-Forwarded-For", "1.1.1.1"},
        {"X-Forwarded-Proto", "https"},
        {"X-Forwarded-Host", "bank.example"},
        {"X-Forwarded-Port", "443"},
        {"X-Real-IP", "1.1.1.1"},
        {"X-Forwarded-Client-Cert", "Hash=1"},
        {"X_Forwarded_Client_Cert", "Hash=2"},
        {"Forwarded", "for=1.1.1.1"}});
  fill();

  EXPECT_EQ(added("x-forwarded-for"), "192.0.2.7");
  EXPECT_EQ(added("x-forwarded-proto"), "http");
  EXPECT_EQ(added("x-forwarded-host"), "agents.example.com");
  EXPECT_EQ(added("x-forwarded-port"), "80");
  EXPECT_EQ(added("forwarded"), "for=192.0.2.7;proto=http;host=agents.example.com");
  for (const char* dropped : {"x-real-ip", "x-forwarded-client-cert", "x_forwarded_client_cert"})
    EXPECT_EQ(added(dropped), "") << dropped;
}

TEST_F(ForwardedTest, ContinuesWhatATrustedProxySays) {
  trust({"10.0.0.0/8"});
  with({{"X-Forwarded-For", "1.1.1.1, 10.0.0.9"},
        {"x-forwarded-for", "10.0.0.8"},
        {"X-Forwarded-Proto", "https"},
        {"X-Forwarded-Host", "agents.example.org"},
        {"X-Real-IP", "1.1.1.1"},
        {"Forwarded", "for=1.1.1.1;proto=https"}});
  fill("10.0.0.1:80");

  EXPECT_EQ(added("x-forwarded-for"), "1.1.1.1, 10.0.0.9, 10.0.0.8, 10.0.0.1");
  EXPECT_EQ(added("x-forwarded-proto"), "https");
  EXPECT_EQ(added("x-forwarded-host"), "agents.example.org");
  EXPECT_EQ(added("x-forwarded-port"), "");
  EXPECT_EQ(added("x-real-ip"), "1.1.1.1");
  EXPECT_EQ(added("forwarded"),
            "for=1.1.1.1;proto=https, for=10.0.0.1;proto=http;host=agents.example.com");
}

TEST_F(ForwardedTest, TellsOfAProxyThatSaysNothing) {
  trust({"unix"});
  fill("unix");

  EXPECT_EQ(added("x-forwarded-for"), "unix");
  EXPECT_EQ(added("x-forwarded-host"), "agents.example.com");
}

TEST_F(ForwardedTest, TellsTheCertificateThatWasVerifiedHere) {
  added_.clear();
  forwarder_.fill(request_, {.address = "192.0.2.7:1", .certificate = "Hash=abc"}, "id", added_);
  EXPECT_EQ(added("x-forwarded-client-cert"), "Hash=abc");

  trust({"192.0.2.7"});
  fill();  // what the proxy says of its client goes on
  EXPECT_EQ(added("x-forwarded-client-cert"), "-");
}

TEST_F(ForwardedTest, KeepsALongListWhole) {
  trust({"10.0.0.1"});
  std::string list = "1.1.1.1";
  for (int i = 0; i < 500; ++i) list += ", 10.0.0.1";
  with({{"X-Forwarded-For", list}});
  fill("10.0.0.1:80");

  EXPECT_EQ(added("x-forwarded-for"), list + ", 10.0.0.1");
}

TEST_F(ForwardedTest, KeepsARequestIdThatCanBeLogged) {
  with({{"X-Request-ID", "abc-123"}});
  EXPECT_EQ(fill(), "abc-123");
  EXPECT_EQ(added("x-request-id"), "abc-123");
}

TEST_F(ForwardedTest, ReplacesARequestIdThatCannotBeLogged) {
  for (const std::string& id : {std::string("a b"), std::string(129, 'x'), std::string("\x7f")}) {
    request_.headers.set("x-request-id", id);
    EXPECT_TRUE(is_ulid(fill())) << id;
  }
  request_.headers.set("x-request-id", std::string(128, 'x'));
  EXPECT_EQ(fill(), std::string(128, 'x'));
}

}  // namespace
}  // namespace pixell::edge
