#include "net/tls/ticket_keys.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <algorithm>

#include "base/check.hpp"
#include "net/tls/limits.hpp"

namespace pixell::net::tls {

namespace {

TicketKeys::Key make_key() {
  TicketKeys::Key key;
  const bool is_made = RAND_bytes(key.name.data(), static_cast<int>(key.name.size())) == 1 &&
                       RAND_bytes(key.cipher.data(), static_cast<int>(key.cipher.size())) == 1 &&
                       RAND_bytes(key.mac.data(), static_cast<int>(key.mac.size())) == 1;
  CHECK(is_made, "the kernel gives random bytes");
  return key;
}

void forget(TicketKeys::Key& key) { OPENSSL_cleanse(&key, sizeof key); }

bool set_mac_key(EVP_MAC_CTX* mac, TicketKeys::Key& key) {
  char sha256[] = "SHA256";
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac.data(), key.mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, 0),
      OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

// SSL_CTX_set_tlsext_ticket_key_evp_cb(3): 1 = go on, 2 = and give the client a new ticket,
// 0 = no such key, -1 = failed.
int use_ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                   EVP_MAC_CTX* mac, int is_encrypting) {
  auto& keys = *static_cast<TicketKeys*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  TicketKeys::Found found;
  if (is_encrypting != 0) {
    found = {keys.current(), true};
    std::ranges::copy(found.key.name, name);
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
  } else {
    auto known = keys.find(std::span<const unsigned char, 16>(name, 16));
    if (!known) return 0;
    found = *known;
    forget(known->key);
  }
  const bool is_ready = EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr,
                                          found.key.cipher.data(), iv, is_encrypting) == 1 &&
                        set_mac_key(mac, found.key);
  forget(found.key);
  if (!is_ready) return -1;
  return found.is_current ? 1 : 2;
}

}  // namespace

TicketKeys::TicketKeys(const Clock& clock)
    : clock_(clock), current_(make_key()), made_(clock.now()) {}

TicketKeys::~TicketKeys() {
  forget(current_);
  if (previous_) forget(*previous_);
}

void TicketKeys::rotate() {
  const auto age = clock_.now() - made_;
  if (age < kTicketKeyLifetime) return;
  if (previous_) forget(*previous_);
  previous_.reset();
  // What was not used for two lifetimes is no key to trust in any more.
  if (age < 2 * kTicketKeyLifetime) previous_ = current_;
  current_ = make_key();
  made_ = clock_.now();
}

TicketKeys::Key TicketKeys::current() {
  std::lock_guard lock(mutex_);
  rotate();
  return current_;
}

std::optional<TicketKeys::Found> TicketKeys::find(std::span<const unsigned char, 16> name) {
  std::lock_guard lock(mutex_);
  rotate();
  if (std::ranges::equal(name, current_.name)) return Found{current_, true};
  if (previous_ && std::ranges::equal(name, previous_->name)) return Found{*previous_, false};
  return std::nullopt;
}

void TicketKeys::serve(SSL_CTX& context) {
  SSL_CTX_set_app_data(&context, this);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(&context, use_ticket_key);
}

}  // namespace pixell::net::tls
