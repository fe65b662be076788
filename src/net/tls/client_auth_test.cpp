#include <gtest/gtest.h>

#include "net/server_tally.hpp"
#include "net/tls/testing/tls_fixture.hpp"
#include "net/tls/tls_server.hpp"

// Certificates of clients.

namespace pixell::net::tls {
namespace {

using namespace fixture;

class ClientAuthTest : public TlsTest {
 protected:
  void serve_clients(ClientAuth client_auth) {
    files.write("ca.pem", pem_of(*client_authority.certificate));
    TlsOptions options = two_certificates();
    options.client_auth = client_auth;
    options.client_ca = files / "ca.pem";
    load(std::move(options));
    serve_facts();
  }
  /// In TLS 1.3 a refusal only shows with the first answer.
  bool is_served(const Offer& offer) {
    TlsClient client = connect(offer);
    return client.shake_hands() && gets(client);
  }

  Made client_authority = certify({"clients"});
  Made good = certify({"good"}, &client_authority);
  Made wrong = certify({"wrong"}, &authority);
  Made expired = certify({.name = "old", .not_after = -60}, &client_authority);
};

TEST_F(ClientAuthTest, RequiresACertificateOfTheAuthority) {
  serve_clients(ClientAuth::Required);

  EXPECT_FALSE(is_served({}));
  EXPECT_FALSE(is_served({.certificate = &wrong}));
  EXPECT_FALSE(is_served({.certificate = &expired}));
  EXPECT_FALSE(is_served({.max_version = TLS1_2_VERSION}));
  EXPECT_TRUE(seen.empty());
  EXPECT_EQ(server->tally().of(HandshakeFailure::ClientCertificate), 4);
  EXPECT_TRUE(is_served({.certificate = &good}));
  EXPECT_TRUE(is_served({.server_name = "x.b.test", .certificate = &good}));
  EXPECT_FALSE(is_served({.server_name = "x.b.test"})) << "no name goes around it";
  EXPECT_NE(seen.at(0).certificate.find("Subject=\"CN=good\""), std::string::npos);
}

TEST_F(ClientAuthTest, MayBeLeftOutWhenOptionalButNotBeWrong) {
  serve_clients(ClientAuth::Optional);

  EXPECT_TRUE(is_served({}));
  EXPECT_FALSE(is_served({.certificate = &wrong}));
  EXPECT_TRUE(is_served({.certificate = &good}));

  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].certificate, "");
  EXPECT_NE(seen[1].certificate.find("CN=good"), std::string::npos);
}

TEST_F(ClientAuthTest, IsKnownAgainInAResumedSession) {
  serve_clients(ClientAuth::Required);
  TlsClient first = connect({.certificate = &good});
  ASSERT_TRUE(first.shake_hands());
  ASSERT_TRUE(gets(first));

  TlsClient second = connect({.session = first.session()});

  ASSERT_TRUE(second.shake_hands());
  EXPECT_TRUE(SSL_session_reused(second.ssl()));
  ASSERT_TRUE(gets(second));
  EXPECT_EQ(seen.at(1).certificate, seen.at(0).certificate);
}

TEST_F(ClientAuthTest, IsAskedForAnewWhenTheAuthoritiesChange) {
  serve_clients(ClientAuth::Required);
  TlsClient first = connect({.certificate = &good});
  ASSERT_TRUE(first.shake_hands());
  ASSERT_TRUE(gets(first));

  files.write("ca.pem", pem_of(*authority.certificate));
  tls->look_at_files();
  tls->look_at_files();

  EXPECT_FALSE(is_served({.certificate = &good, .session = first.session()}));
  EXPECT_TRUE(is_served({.certificate = &wrong})) << "that is the good one now";
  EXPECT_TRUE(gets(first)) << "a connection keeps what it began with";
}

TEST_F(ClientAuthTest, LetsNobodyInWithoutAuthoritiesToAskFor) {
  TlsOptions options = two_certificates();
  options.client_auth = ClientAuth::Optional;
  options.client_ca = files / "ca.pem";
  tls = std::move(*TlsServer::load_what_works(options, Log(2, LogLevel::Error), clock));
  serve_facts();
  EXPECT_FALSE(is_served({}));

  files.write("ca.pem", pem_of(*client_authority.certificate));
  tls->look_at_files();
  tls->look_at_files();

  EXPECT_TRUE(is_served({}));
  EXPECT_TRUE(is_served({.certificate = &good}));
}

TEST_F(ClientAuthTest, KeepsTheAuthoritiesWhenTheNewOnesAreBad) {
  serve_clients(ClientAuth::Required);

  files.write("ca.pem", "nonsense");
  tls->reload();

  EXPECT_TRUE(is_served({.certificate = &good}));
  EXPECT_FALSE(is_served({.certificate = &wrong}));
}

}  // namespace
}  // namespace pixell::net::tls
