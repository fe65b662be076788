#include "net/tls/contexts.hpp"

#include <fmt/format.h>
#include <openssl/err.h>

#include <cctype>
#include <span>
#include <utility>

#include "base/check.hpp"
#include "net/tls/limits.hpp"

namespace pixell::net::tls {

namespace {

// TLS 1.2 with forward secrecy and authenticated encryption only; TLS 1.3 has nothing else.
constexpr const char* kTls12Ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr const char* kGroups = "X25519:P-256:P-384";
// Lengths and names as RFC 7301 has them on the wire, the preferred one first.
constexpr unsigned char kProtocols[] = "\x02h2\x08http/1.1";

int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                    const unsigned char* offered, unsigned offered_size, void*) {
  unsigned char* found = nullptr;
  const int outcome = SSL_select_next_proto(&found, chosen_size, kProtocols, sizeof kProtocols - 1,
                                            offered, offered_size);
  *chosen = found;
  return outcome == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

int choose_certificate(SSL* ssl, int*, void* contexts) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  SSL_set_SSL_CTX(ssl, static_cast<const Contexts*>(contexts)->find(name));
  return SSL_TLSEXT_ERR_OK;
}

std::span<const X509Ptr> authorities(const ContextParts& parts) {
  if (parts.client_ca == nullptr) return {};
  return *parts.client_ca;
}

// Sessions are only resumed under the same rules about clients. Otherwise a ticket would go on
// vouching for a certificate that is not accepted any more.
void set_session_id_context(SSL_CTX* context, const ContextParts& parts) {
  EVP_MD_CTX* digest = EVP_MD_CTX_new();
  CHECK(digest != nullptr, "OpenSSL fails here only without memory");
  unsigned char id[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  bool is_made = EVP_DigestInit_ex(digest, EVP_sha256(), nullptr) == 1 &&
                 EVP_DigestUpdate(digest, &parts.client_auth, sizeof parts.client_auth) == 1;
  for (const X509Ptr& authority : authorities(parts)) {
    unsigned char one[EVP_MAX_MD_SIZE];
    unsigned one_size = 0;
    is_made = is_made && X509_digest(authority.get(), EVP_sha256(), one, &one_size) == 1 &&
              EVP_DigestUpdate(digest, one, one_size) == 1;
  }
  is_made = is_made && EVP_DigestFinal_ex(digest, id, &size) == 1;
  EVP_MD_CTX_free(digest);
  CHECK(is_made && SSL_CTX_set_session_id_context(context, id, size) == 1, "a SHA-256 fits");
}

void set_protocol(SSL_CTX* context) {
  bool is_set = SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1;
  is_set = is_set && SSL_CTX_set_cipher_list(context, kTls12Ciphers) == 1;
  is_set = is_set && SSL_CTX_set1_groups_list(context, kGroups) == 1;
  CHECK(is_set, "OpenSSL 3 knows these names");
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  // One read of the socket for a whole record and more; reads go on until the socket is empty.
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  // Tickets hold the sessions; nothing is kept here.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_timeout(context, kSessionLifetime.count() / 1000);
}

Result<void> use_key(SSL_CTX* context, const CertifiedKey& key) {
  ERR_clear_error();
  bool is_good = SSL_CTX_use_certificate(context, key.certificate.get()) == 1 &&
                 SSL_CTX_use_PrivateKey(context, key.key.get()) == 1;
  for (const X509Ptr& one : key.chain)
    is_good = is_good && SSL_CTX_add1_chain_cert(context, one.get()) == 1;
  if (is_good) return {};
  return make_error(
      ErrorCode::InvalidArgument,
      fmt::format("TLS certificate for {}: OpenSSL does not take it ({}); use an RSA key of 2048 "
                  "bits or more or an ECDSA key, signed with SHA-256 or better",
                  key.names.empty() ? "no name" : key.names.front(), take_openssl_error()));
}

void set_client_auth(SSL_CTX* context, const ContextParts& parts, X509_STORE* trusted) {
  set_session_id_context(context, parts);
  if (parts.client_auth == ClientAuth::None) return;
  const bool is_required = parts.client_auth == ClientAuth::Required;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (is_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                     nullptr);
  SSL_CTX_set1_cert_store(context, trusted);
  // Clients choose the certificate they show by this list.
  for (const X509Ptr& authority : authorities(parts))
    CHECK(SSL_CTX_add_client_CA(context, authority.get()) == 1, "OpenSSL has memory");
}

// What the macros SSL_CTX_set_tlsext_servername_callback and _arg stand for, without their C casts.
void set_name_callback(SSL_CTX* context, Contexts& contexts) {
  SSL_CTX_callback_ctrl(context, SSL_CTRL_SET_TLSEXT_SERVERNAME_CB,
                        reinterpret_cast<void (*)()>(choose_certificate));
  SSL_CTX_set_tlsext_servername_arg(context, &contexts);
}

}  // namespace

Result<std::shared_ptr<const Contexts>> Contexts::build(const ContextParts& parts,
                                                        TicketKeys& tickets) {
  set_up_openssl();
  const X509StorePtr trusted(X509_STORE_new());
  CHECK(trusted != nullptr, "OpenSSL fails here only without memory");
  for (const X509Ptr& authority : authorities(parts))
    X509_STORE_add_cert(trusted.get(), authority.get());
  std::shared_ptr<Contexts> built(new Contexts());
  for (const auto& key : parts.keys) {
    if (key == nullptr) continue;
    SslContextPtr context(SSL_CTX_new(TLS_server_method()));
    CHECK(context != nullptr, "OpenSSL fails here only without memory");
    set_protocol(context.get());
    TRY_VOID(use_key(context.get(), *key));
    set_client_auth(context.get(), parts, trusted.get());
    tickets.serve(*context);
    set_name_callback(context.get(), *built);
    built->add_names(*key, context.get());
    built->contexts_.push_back(std::move(context));
  }
  if (built->contexts_.empty()) return std::shared_ptr<const Contexts>();
  return std::shared_ptr<const Contexts>(std::move(built));
}

// Of several certificates for one name the first given is used.
void Contexts::add_names(const CertifiedKey& key, SSL_CTX* context) {
  for (const std::string& name : key.names) {
    if (name.starts_with("*."))
      wildcard_.emplace(name.substr(1), context);
    else
      exact_.emplace(name, context);
  }
}

SSL_CTX* Contexts::find(std::string_view name) const {
  std::string lower(name);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (lower.ends_with('.')) lower.pop_back();
  if (const auto exact = exact_.find(lower); exact != exact_.end()) return exact->second;
  const std::size_t dot = lower.find('.');
  if (dot == std::string::npos || dot == 0) return initial();
  const auto wildcard = wildcard_.find(lower.substr(dot));
  return wildcard == wildcard_.end() ? initial() : wildcard->second;
}

}  // namespace pixell::net::tls
