#pragma once

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>

// Internal to net/tls: OpenSSL's objects as owned values.

namespace pixell::net::tls {

/// Frees with the function of OpenSSL that belongs to the type.
template <auto Free>
struct FreedBy {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};

struct GeneralNamesFree {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};

using BioPtr = std::unique_ptr<BIO, FreedBy<BIO_free>>;
using BioMethodPtr = std::unique_ptr<BIO_METHOD, FreedBy<BIO_meth_free>>;
using X509Ptr = std::unique_ptr<X509, FreedBy<X509_free>>;
using X509StorePtr = std::unique_ptr<X509_STORE, FreedBy<X509_STORE_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreedBy<EVP_PKEY_free>>;
using SslPtr = std::unique_ptr<SSL, FreedBy<SSL_free>>;
using SslContextPtr = std::unique_ptr<SSL_CTX, FreedBy<SSL_CTX_free>>;
using GeneralNamesPtr = std::unique_ptr<GENERAL_NAMES, GeneralNamesFree>;

/// Reads from memory, which must stay.
BioPtr bio_over(std::string_view text);

/// What OpenSSL says went wrong first in this thread; empties its list.
std::string take_openssl_error();

/// Sets OpenSSL up without openssl.cnf: what TLS offers is ours to say. Any number of times.
void set_up_openssl();

}  // namespace pixell::net::tls
