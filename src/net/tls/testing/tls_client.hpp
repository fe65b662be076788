#pragma once

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/unique_fd.hpp"
#include "net/client.hpp"
#include "net/testing/raw_peer.hpp"
#include "net/testing/wire_fixture.hpp"
#include "net/tls/openssl.hpp"
#include "net/tls/testing/certificates.hpp"
#include "net/upstream.hpp"

// For tests of TLS: a client by hand, made of OpenSSL.

namespace pixell::net::tls::fixture {

/// What a client offers.
struct Offer {
  std::string server_name;
  std::string protocols;  ///< ALPN as on the wire: "\x02h2"
  const Made* certificate = nullptr;
  int max_version = 0;  ///< 0 = any
  SSL_SESSION* session = nullptr;
};

using SessionPtr = std::unique_ptr<SSL_SESSION, FreedBy<SSL_SESSION_free>>;

/// One connection to a server on the same loop.
class TlsClient {
 public:
  TlsClient(net::fixture::Driver& driver, const Address& address, const Offer& offer = {})
      : driver_(driver), socket_(std::move(start_connect(Upstream(address)).value())) {
    context_.reset(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_app_data(context_.get(), this);
    SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(context_.get(), keep_session);
    if (offer.max_version != 0) {
      SSL_CTX_set_security_level(context_.get(), 0);  // else TLS 1.1 is not offered at all
      SSL_CTX_set_min_proto_version(context_.get(), offer.max_version);
      SSL_CTX_set_max_proto_version(context_.get(), offer.max_version);
    }
    if (offer.certificate != nullptr) {
      SSL_CTX_use_certificate(context_.get(), offer.certificate->certificate.get());
      SSL_CTX_use_PrivateKey(context_.get(), offer.certificate->key.get());
    }
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), socket_.get());
    SSL_set_connect_state(ssl_.get());
    // What the macro SSL_set_tlsext_host_name stands for, without its C cast.
    std::string name = offer.server_name;
    if (!name.empty())
      SSL_ctrl(ssl_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
    if (!offer.protocols.empty())
      SSL_set_alpn_protos(ssl_.get(),
                          reinterpret_cast<const unsigned char*>(offer.protocols.data()),
                          unsigned(offer.protocols.size()));
    if (offer.session != nullptr) SSL_set_session(ssl_.get(), offer.session);
  }

  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  /// Finishes the handshake. False when the server refuses it.
  bool shake_hands() {
    int done = 0;
    net::fixture::eventually(driver_, [&] {
      done = step([&] { return SSL_connect(ssl_.get()); });
      return done == 1 || failed_;
    });
    return done == 1;
  }
  void send(std::string_view bytes) {
    EXPECT_TRUE(net::fixture::eventually(driver_, [&] {
      bytes.remove_prefix(send_some(bytes));
      return bytes.empty() || failed_;
    }));
  }
  std::size_t send_some(std::string_view bytes) {
    std::size_t n = 0;
    step([&] { return SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &n); });
    return n;
  }
  /// Reads what is there.
  void read() {
    char buffer[16 * 1024];
    std::size_t n = 0;
    while (!failed_ && !ended_ &&
           step([&] { return SSL_read_ex(ssl_.get(), buffer, sizeof buffer, &n); }) == 1)
      received.append(buffer, n);
  }
  bool got(std::string_view end) {
    return net::fixture::eventually(driver_,
                                    [&] {
                                      read();
                                      return received.ends_with(end) || is_over();
                                    }) &&
           received.ends_with(end);
  }
  bool got_bytes(std::size_t count) {
    return net::fixture::eventually(driver_,
                                    [&] {
                                      read();
                                      return received.size() >= count || is_over();
                                    }) &&
           received.size() >= count;
  }
  /// Waits for the end of the connection, whichever it is.
  bool is_closed() {
    return net::fixture::eventually(driver_, [&] {
      read();
      return is_over();
    });
  }
  bool is_over() const { return ended_ || failed_; }
  /// The server announced the end (close_notify).
  bool has_ended() const { return ended_; }
  /// Announces the end of our bytes, and shuts the socket behind it.
  void finish() {
    SSL_shutdown(ssl_.get());
    ::shutdown(socket_.get(), SHUT_WR);
  }
  /// Shuts the socket without a word.
  void cut_short() { ::shutdown(socket_.get(), SHUT_WR); }
  void send_raw(std::string_view bytes) {
    EXPECT_EQ(::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              ssize_t(bytes.size()));
  }

  SSL* ssl() { return ssl_.get(); }
  /// Common name of the certificate the server showed.
  std::string server_name() {
    const X509* shown = SSL_get0_peer_certificate(ssl_.get());
    if (shown == nullptr) return "none";
    char name[100];
    X509_NAME_get_text_by_NID(X509_get_subject_name(shown), NID_commonName, name, sizeof name);
    return name;
  }
  std::string protocol() {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_.get(), &name, &size);
    return {reinterpret_cast<const char*>(name), size};
  }
  /// What the server's last ticket resumes; may be null.
  SSL_SESSION* session() { return session_.get(); }
  const std::string& failure() const { return failure_; }

  std::string received;

 private:
  static int keep_session(SSL* ssl, SSL_SESSION* session) {
    auto* self = static_cast<TlsClient*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    self->session_.reset(session);
    return 1;
  }
  template <class Call>
  int step(Call call) {
    ERR_clear_error();
    const int returned = call();
    if (returned == 1) return 1;
    const int error = SSL_get_error(ssl_.get(), returned);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return 0;
    if (error == SSL_ERROR_SYSCALL && errno == ENOTCONN) return 0;
    if (error == SSL_ERROR_ZERO_RETURN) {
      ended_ = true;
    } else {
      failed_ = true;
      failure_ = take_openssl_error();
    }
    return -1;
  }

  net::fixture::Driver& driver_;
  UniqueFd socket_;
  SslContextPtr context_;
  SslPtr ssl_;
  SessionPtr session_;
  std::string failure_;
  bool failed_ = false;
  bool ended_ = false;
};

}  // namespace pixell::net::tls::fixture
