#include "net/tls/tls_server.hpp"

#include <gtest/gtest.h>

#include "net/tls/limits.hpp"
#include "net/tls/testing/tls_fixture.hpp"

namespace pixell::net::tls {
namespace {

using namespace fixture;

TEST_F(TlsTest, ChoosesTheCertificateByTheNameAskedFor) {
  serve_facts();

  EXPECT_EQ(shown_to("a.test"), "a");
  EXPECT_EQ(shown_to("B.Test"), "b");
  EXPECT_EQ(shown_to("x.b.test"), "b");
  EXPECT_EQ(shown_to("x.y.b.test"), "a") << "a wildcard stands for one label";
  EXPECT_EQ(shown_to("elsewhere"), "a");
  EXPECT_EQ(shown_to(""), "a");
}

TEST_F(TlsTest, AgreesOnAProtocol) {
  serve_facts();
  const auto agreed = [&](const std::string& offered) {
    TlsClient client = connect({.protocols = offered});
    return client.shake_hands() ? client.protocol() : client.failure();
  };

  EXPECT_EQ(agreed("\x02h2\x08http/1.1"), "h2");
  EXPECT_EQ(agreed("\x08http/1.1\x02h2"), "h2");
  EXPECT_EQ(agreed("\x08http/1.1"), "http/1.1");
  EXPECT_EQ(agreed(""), "");
  EXPECT_EQ(agreed("\x04imap"), "tlsv1 alert no application protocol");
}

TEST_F(TlsTest, SpeaksTls12AndNothingOlder) {
  serve_facts();

  TlsClient old = connect({.max_version = TLS1_1_VERSION});
  EXPECT_FALSE(old.shake_hands());
  EXPECT_EQ(old.failure(), "tlsv1 alert protocol version");

  TlsClient good = connect({.max_version = TLS1_2_VERSION});
  ASSERT_TRUE(good.shake_hands()) << good.failure();
  EXPECT_TRUE(gets(good));
}

TEST_F(TlsTest, TakesANewPairOnceItRests) {
  serve_facts();
  TlsClient before = connect();
  ASSERT_TRUE(before.shake_hands());

  files.store("a", certify({"a2", "DNS:a.test"}));
  tls->look_at_files();
  EXPECT_EQ(shown_to("a.test"), "a");
  tls->look_at_files();

  EXPECT_EQ(shown_to("a.test"), "a2");
  EXPECT_EQ(shown_to("b.test"), "b");
  EXPECT_TRUE(gets(before)) << "a connection keeps what it began with";
}

TEST_F(TlsTest, RefusesABadNewPairAndTakesTheNextGoodOne) {
  serve_facts();
  const auto look = [&] {
    tls->look_at_files();
    tls->look_at_files();
  };

  files.write("a.pem", "nonsense");
  look();
  EXPECT_EQ(shown_to("a.test"), "a");
  files.store("b", certify({"b2", "DNS:b.test"}));
  look();
  EXPECT_EQ(shown_to("a.test"), "a") << "the other pair's change does not need the bad one";
  EXPECT_EQ(shown_to("b.test"), "b2");
  files.store("a", certify({"a3", "DNS:a.test"}));
  look();
  EXPECT_EQ(shown_to("a.test"), "a3");
}

TEST_F(TlsTest, ComesUpWithWhatWorksAndTakesTheRestOnceItDoes) {
  TlsOptions options = two_certificates();
  files.write("a.key", "nonsense");
  EXPECT_FALSE(TlsServer::load(options, Log(2, LogLevel::Error), clock));
  auto loaded = TlsServer::load_what_works(options, Log(2, LogLevel::Error), clock);
  ASSERT_TRUE(loaded) << loaded.error().message;
  tls = std::move(*loaded);
  serve_facts();

  EXPECT_EQ(shown_to("b.test"), "b");
  EXPECT_EQ(shown_to("a.test"), "b") << "the first one that works is for the rest";
  files.store("a", certify({"a2", "DNS:a.test"}));
  tls->look_at_files();
  tls->look_at_files();
  EXPECT_EQ(shown_to("a.test"), "a2");
}

TEST_F(TlsTest, ClosesConnectionsWhileNoCertificateWorks) {
  TlsOptions options = two_certificates();
  files.write("a.pem", "nonsense");
  files.write("b.pem", "nonsense");
  tls = std::move(*TlsServer::load_what_works(options, Log(2, LogLevel::Error), clock));
  serve_facts();

  EXPECT_EQ(shown_to("a.test"), "refused");
  files.store("b", certify({"b2", "DNS:b.test"}));
  tls->reload();
  EXPECT_EQ(shown_to("a.test"), "b2");
}

TEST_F(TlsTest, ReadsEverythingAtOnceWhenAsked) {
  serve_facts();
  files.store("a", certify({"a2", "DNS:a.test"}));

  tls->reload();

  EXPECT_EQ(shown_to("a.test"), "a2");
}

TEST_F(TlsTest, ResumesSessionsOnEveryLoopAndAfterAReload) {
  serve_facts();
  TlsClient first = connect();
  ASSERT_TRUE(first.shake_hands());
  ASSERT_TRUE(gets(first));
  ASSERT_NE(first.session(), nullptr);
  files.store("a", certify({"a2", "DNS:a.test"}));
  tls->reload();
  serve_facts();  // another server, as another loop has it

  TlsClient second = connect({.session = first.session()});

  ASSERT_TRUE(second.shake_hands());
  EXPECT_TRUE(SSL_session_reused(second.ssl()));
  EXPECT_TRUE(gets(second));
}

TEST_F(TlsTest, ForgetsSessionsWithTheirTicketKeys) {
  serve_facts();
  TlsClient first = connect();
  ASSERT_TRUE(first.shake_hands());
  ASSERT_TRUE(gets(first));
  clock.advance(kTicketKeyLifetime);
  clock.advance(kTicketKeyLifetime);

  TlsClient second = connect({.session = first.session()});

  ASSERT_TRUE(second.shake_hands());
  EXPECT_FALSE(SSL_session_reused(second.ssl()));
}

TEST(TlsServer, RefusesOptionsThatDoNotGoTogether) {
  CertificateDirectory files;
  const auto good = files.store("a", certify({"a"}));
  const auto refusal = [](TlsOptions options) {
    const auto loaded = TlsServer::load(std::move(options), Log(2, LogLevel::Error));
    return loaded ? "" : loaded.error().message;
  };

  EXPECT_NE(refusal({}), "");
  EXPECT_NE(refusal({.certificates = {good}, .client_auth = ClientAuth::Required}), "");
  EXPECT_NE(refusal({.certificates = {good}, .client_ca = good.certificate}), "");
  EXPECT_NE(refusal({.certificates = std::vector(kMaxCertificates + 1, good)}), "");
  EXPECT_EQ(refusal({.certificates = std::vector(kMaxCertificates, good)}), "");
}

TEST(TlsServer, WarnsOfCertificatesThatDoNotHold) {
  CertificateDirectory files;
  const auto lines_of = [&](const Wish& wish) {
    const std::filesystem::path file = files / "log";
    std::FILE* log = std::fopen(file.c_str(), "w+");
    const auto loaded = TlsServer::load({.certificates = {files.store("a", certify(wish))}},
                                        Log(::fileno(log), LogLevel::Warning));
    EXPECT_TRUE(loaded);
    std::rewind(log);
    std::string line(2000, '\0');
    line.resize(std::fread(line.data(), 1, line.size(), log));
    std::fclose(log);
    return line;
  };

  EXPECT_EQ(lines_of({}), "");
  EXPECT_NE(lines_of({.not_after = -60}).find("has expired"), std::string::npos);
  EXPECT_NE(lines_of({.not_before = 3600}).find("not valid yet"), std::string::npos);
  EXPECT_NE(lines_of({.not_after = 24 * 3600}).find("expires soon"), std::string::npos);
}

}  // namespace
}  // namespace pixell::net::tls
