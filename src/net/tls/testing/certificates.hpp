#pragma once

#include <gtest/gtest.h>
#include <openssl/pem.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "net/testing/wire_fixture.hpp"
#include "net/tls/openssl.hpp"
#include "net/tls/tls_options.hpp"

// For tests of TLS: certificates made on the spot.

namespace pixell::net::tls::fixture {

/// What a test wants certified.
struct Wish {
  std::string name = "test";  ///< common name
  std::string alternatives;   ///< subjectAltName as OpenSSL takes it: "DNS:a.test,DNS:*.b.test"
  std::time_t not_before = -3600;  ///< seconds from now
  std::time_t not_after = 90 * 24 * 3600;
};

/// A certificate with its key.
struct Made {
  X509Ptr certificate;
  KeyPtr key;
};

inline KeyPtr make_key() { return KeyPtr(EVP_EC_gen("P-256")); }

inline void add_extension(X509& certificate, int nid, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
  ASSERT_NE(extension, nullptr) << value;
  X509_add_ext(&certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

/// Certifies `wish`, by itself or by `issuer`. One without an issuer is an authority.
inline Made certify(const Wish& wish, const Made* issuer = nullptr) {
  static long serial = 0;
  Made made{X509Ptr(X509_new()), make_key()};
  X509* x509 = made.certificate.get();
  X509_set_version(x509, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(x509), wish.not_before);
  X509_gmtime_adj(X509_getm_notAfter(x509), wish.not_after);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(wish.name.c_str()), -1, -1, 0);
  X509_set_issuer_name(x509, X509_get_subject_name(issuer ? issuer->certificate.get() : x509));
  X509_set_pubkey(x509, made.key.get());
  if (issuer == nullptr) add_extension(*x509, NID_basic_constraints, "critical,CA:TRUE");
  if (!wish.alternatives.empty()) add_extension(*x509, NID_subject_alt_name, wish.alternatives);
  EXPECT_GT(X509_sign(x509, issuer ? issuer->key.get() : made.key.get(), EVP_sha256()), 0);
  return made;
}

inline std::string pem_of(X509& certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), &certificate);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, std::size_t(size)};
}

inline std::string pem_of(EVP_PKEY& key, const std::string& passphrase = {}) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(bio.get(), &key, passphrase.empty() ? nullptr : EVP_aes_256_cbc(),
                                passphrase.data(), int(passphrase.size()), nullptr, nullptr);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, std::size_t(size)};
}

/// Files of certificates in a directory of the test's own.
class CertificateDirectory {
 public:
  void write(const std::string& name, const std::string& text) {
    // Beside it and then over it, as renewals do.
    std::ofstream(directory_ / (name + ".new")) << text;
    std::filesystem::rename(directory_ / (name + ".new"), directory_ / name);
  }
  /// Writes <name>.pem and <name>.key.
  CertificateFiles store(const std::string& name, const Made& made) {
    write(name + ".pem", pem_of(*made.certificate));
    write(name + ".key", pem_of(*made.key));
    return files(name);
  }
  CertificateFiles files(const std::string& name) const {
    return {directory_ / (name + ".pem"), directory_ / (name + ".key")};
  }
  std::filesystem::path operator/(const std::string& name) const { return directory_ / name; }

 private:
  TempDirectory directory_;
};

}  // namespace pixell::net::tls::fixture
