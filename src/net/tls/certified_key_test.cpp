#include "net/tls/certified_key.hpp"

#include <gtest/gtest.h>

#include "net/tls/limits.hpp"
#include "net/tls/testing/certificates.hpp"

namespace pixell::net::tls {
namespace {

using namespace fixture;

class CertifiedKeyTest : public ::testing::Test {
 protected:
  std::string refusal(const CertificateFiles& given) {
    const auto loaded = load_certified_key(given);
    EXPECT_FALSE(loaded);
    return loaded ? "" : loaded.error().message;
  }
  static bool says(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }

  CertificateDirectory files;
  Made authority = certify({"authority"});
};

TEST_F(CertifiedKeyTest, IsLoadedWithItsNamesAndChain) {
  const Made made = certify({"x", "DNS:A.test,DNS:*.b.test,IP:127.0.0.1"}, &authority);
  const auto given = files.store("x", made);
  files.write("x.pem", pem_of(*made.certificate) + "\n" + pem_of(*authority.certificate));

  const auto loaded = load_certified_key(given);

  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->names, (std::vector<std::string>{"a.test", "*.b.test"}));
  EXPECT_EQ(loaded->chain.size(), 1u);
  EXPECT_EQ(X509_cmp(loaded->certificate.get(), made.certificate.get()), 0);
  EXPECT_EQ(loaded->not_after - loaded->not_before, (90LL * 24 * 3600 + 3600) * 1000);
}

TEST_F(CertifiedKeyTest, NamesTheFileThatCannotBeRead) {
  const auto given = files.store("x", certify({"x"}));
  const CertificateFiles no_certificate{files / "none.pem", given.key};
  const CertificateFiles no_key{given.certificate, files / "none.key"};

  EXPECT_TRUE(says(refusal(no_certificate), "TLS certificate " + (files / "none.pem").string()));
  EXPECT_TRUE(says(refusal(no_key), "TLS key " + (files / "none.key").string()));
  EXPECT_TRUE(says(refusal(no_key), "that this user can read"));
}

TEST_F(CertifiedKeyTest, RefusesAKeyOfAnotherCertificate) {
  const auto x = files.store("x", certify({"x"}));
  const auto y = files.store("y", certify({"y"}));

  const std::string why = refusal({x.certificate, y.key});

  EXPECT_TRUE(says(why, "TLS key " + y.key.string())) << why;
  EXPECT_TRUE(says(why, "does not belong to the first certificate of " + x.certificate.string()));
}

TEST_F(CertifiedKeyTest, RefusesAChainThatBeginsWithTheAuthority) {
  const Made made = certify({"x"}, &authority);
  const auto given = files.store("x", made);
  files.write("x.pem", pem_of(*authority.certificate) + pem_of(*made.certificate));

  EXPECT_TRUE(says(refusal(given), "the server's own certificate before"));
}

TEST_F(CertifiedKeyTest, RefusesWhatIsNoPem) {
  const Made made = certify({"x"});
  auto given = files.store("x", made);
  files.write("x.key", "no key\n");
  EXPECT_TRUE(says(refusal(given), "holds no PEM private key"));

  given = files.store("x", made);
  files.write("x.pem", "no certificate\n");
  EXPECT_TRUE(says(refusal(given), "certificate 1 of it is no PEM certificate"));

  std::string broken = pem_of(*authority.certificate);
  broken.replace(broken.size() / 2, 4, "!!!!");
  files.write("x.pem", pem_of(*made.certificate) + broken);
  EXPECT_TRUE(says(refusal(given), "certificate 2 of it is no PEM certificate"));
}

TEST_F(CertifiedKeyTest, RefusesAnEncryptedKeyAndSaysHowToStoreIt) {
  const Made made = certify({"x"});
  const auto given = files.store("x", made);
  files.write("x.key", pem_of(*made.key, "secret"));

  const std::string why = refusal(given);

  EXPECT_TRUE(says(why, "passphrase")) << why;
  EXPECT_TRUE(says(why, "openssl pkey")) << why;
  EXPECT_FALSE(says(why, "secret"));
}

TEST(ClientCertificate, IsDescribedByHashSubjectAndNames) {
  const Made made = certify({"agent \"7\"", "URI:spiffe://x/y,DNS:c.test"});

  const std::string text = describe_client(*made.certificate);

  EXPECT_TRUE(text.starts_with("Hash=")) << text;
  EXPECT_EQ(text.find(';'), 5u + 64);
  // RFC 2253 escapes the quotes, and quoting escapes both once more.
  EXPECT_TRUE(text.ends_with(R"(;Subject="CN=agent \\\"7\\\"";URI="spiffe://x/y";DNS="c.test")"))
      << text;
}

TEST(ClientCertificate, IsDescribedWithinTheLimit) {
  std::string names = "DNS:0.test";
  for (int i = 1; i < 600; ++i) names += ",DNS:" + std::to_string(i) + ".test";

  const std::string text = describe_client(*certify({"x", names}).certificate);

  EXPECT_LE(text.size(), kMaxCertificateTextBytes);
  EXPECT_TRUE(text.find("DNS=\"1.test\"") != std::string::npos);
  EXPECT_TRUE(text.ends_with("\"")) << text;
}

}  // namespace
}  // namespace pixell::net::tls
