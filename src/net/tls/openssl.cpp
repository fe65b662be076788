#include "net/tls/openssl.hpp"

#include <openssl/err.h>

#include "base/check.hpp"

namespace pixell::net::tls {

BioPtr bio_over(std::string_view text) {
  BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  CHECK(bio != nullptr, "OpenSSL fails here only without memory");
  return bio;
}

std::string take_openssl_error() {
  const unsigned long first = ERR_get_error();
  ERR_clear_error();
  const char* reason = ERR_reason_error_string(first);
  return reason == nullptr ? "unknown reason" : reason;
}

void set_up_openssl() {
  const int done = OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  CHECK(done == 1, "OpenSSL fails here only without memory");
}

}  // namespace pixell::net::tls
