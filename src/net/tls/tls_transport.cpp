#include "net/tls/tls_transport.hpp"

#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <span>
#include <string_view>
#include <utility>

#include "base/check.hpp"
#include "net/socket.hpp"
#include "net/tls/certified_key.hpp"
#include "net/tls/limits.hpp"

namespace pixell::net::tls {

namespace {

bool can_retry(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

// The bytes of several parts, taken from the front a record at a time.
class Pieces {
 public:
  Pieces(const iovec* parts, int count) : parts_(parts), end_(parts + count) { skip_empty(); }

  bool empty() const { return parts_ == end_; }
  /// What the next record holds: of one part, or of several put together in `room`.
  std::string_view front(std::span<char, kMaxRecordBytes> room) const {
    const std::string_view first = piece(*parts_).substr(taken_, room.size());
    if (first.size() == room.size() || parts_ + 1 == end_) return first;
    std::size_t size = first.copy(room.data(), room.size());
    for (const iovec* part = parts_ + 1; part != end_ && size < room.size(); ++part)
      size += piece(*part).copy(room.data() + size, room.size() - size);
    return {room.data(), size};
  }
  void pop(std::size_t count) {
    taken_ += count;
    while (parts_ != end_ && taken_ >= parts_->iov_len) {
      taken_ -= parts_->iov_len;
      ++parts_;
    }
  }

 private:
  static std::string_view piece(const iovec& part) {
    return {static_cast<const char*>(part.iov_base), part.iov_len};
  }
  void skip_empty() { pop(0); }

  const iovec* parts_;
  const iovec* end_;
  std::size_t taken_ = 0;
};

}  // namespace

BioMethodPtr make_socket_method() {
  BioMethodPtr method(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket"));
  CHECK(method != nullptr, "OpenSSL fails here only without memory");
  BIO_meth_set_read(method.get(), TlsTransport::read_socket);
  BIO_meth_set_write(method.get(), TlsTransport::write_socket);
  BIO_meth_set_ctrl(method.get(), TlsTransport::control);
  return method;
}

int TlsTransport::read_socket(BIO* bio, char* to, int room) {
  auto& self = *static_cast<TlsTransport*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const ssize_t n = retry_interrupted([&] { return ::recv(self.fd_, to, std::size_t(room), 0); });
  if (n == 0) self.is_socket_at_end_ = true;
  if (n < 0 && can_retry(errno)) BIO_set_retry_read(bio);
  return static_cast<int>(n);
}

int TlsTransport::write_socket(BIO* bio, const char* from, int size) {
  const auto& self = *static_cast<const TlsTransport*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const ssize_t n =
      retry_interrupted([&] { return ::send(self.fd_, from, std::size_t(size), MSG_NOSIGNAL); });
  if (n < 0 && can_retry(errno)) BIO_set_retry_write(bio);
  return static_cast<int>(n);
}

long TlsTransport::control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF)
    return static_cast<TlsTransport*>(BIO_get_data(bio))->is_socket_at_end_ ? 1 : 0;
  return 0;
}

std::unique_ptr<TlsTransport> TlsTransport::make(int fd, std::shared_ptr<const Contexts> contexts,
                                                 const BIO_METHOD& method) {
  std::unique_ptr<TlsTransport> made(new TlsTransport(fd, std::move(contexts)));
  made->ssl_.reset(SSL_new(made->contexts_->initial()));
  BIO* bio = BIO_new(&method);
  if (made->ssl_ == nullptr || bio == nullptr) {
    BIO_free(bio);
    ERR_clear_error();
    return nullptr;
  }
  BIO_set_data(bio, made.get());
  BIO_set_init(bio, 1);
  SSL_set_bio(made->ssl_.get(), bio, bio);
  SSL_set_accept_state(made->ssl_.get());
  return made;
}

namespace {

// What a reason of OpenSSL's in a handshake means; alerts are what the client said of ours.
HandshakeFailure kind_of(int reason) {
  switch (reason) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return HandshakeFailure::ClientCertificate;
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
      return HandshakeFailure::OurCertificate;
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
      return HandshakeFailure::ClientLeft;
    default:
      return HandshakeFailure::Protocol;
  }
}

}  // namespace

// Why a call gave nothing. Each call starts with an empty error list, as SSL_get_error(3) asks.
TlsTransport::Wait TlsTransport::take_outcome(int returned) {
  switch (SSL_get_error(ssl_.get(), returned)) {
    case SSL_ERROR_WANT_READ:
      return Wait::Read;
    case SSL_ERROR_WANT_WRITE:
      return Wait::Write;
    case SSL_ERROR_ZERO_RETURN:
      end_ = End::Announced;
      return Wait::Nothing;
    case SSL_ERROR_SYSCALL:
      failure_ = "the connection broke";
      failure_kind_ = HandshakeFailure::ClientLeft;
      break;
    default: {
      const unsigned long code = ERR_peek_error();
      failure_ = ERR_reason_error_string(code);
      failure_kind_ = kind_of(ERR_GET_REASON(code));
      if (ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED)
        failure_ = X509_verify_cert_error_string(SSL_get_verify_result(ssl_.get()));
      if (failure_ == nullptr) failure_ = "unknown reason";
      ERR_clear_error();
    }
  }
  end_ = End::Broken;
  return Wait::Nothing;
}

ssize_t TlsTransport::fail(int error) {
  errno = error;
  return -1;
}

ssize_t TlsTransport::end_of_read() const { return end_ == End::Announced ? 0 : fail(ECONNRESET); }

void TlsTransport::note_established() {
  if (contexts_ == nullptr || SSL_is_init_finished(ssl_.get()) == 0) return;
  contexts_.reset();  // no name is chosen any more
}

ssize_t TlsTransport::read(char* to, std::size_t room) {
  holds_unread_ = false;
  if (end_ != End::No) return end_of_read();
  std::size_t total = 0;
  Wait wait = Wait::Nothing;
  while (total < room && end_ == End::No) {
    ERR_clear_error();
    std::size_t n = 0;
    const int returned = SSL_read_ex(ssl_.get(), to + total, room - total, &n);
    total += n;
    if (returned == 1) continue;
    wait = take_outcome(returned);
    if (wait != Wait::Nothing) break;
  }
  note_established();
  read_waits_for_writable_ = wait == Wait::Write;
  if (total > 0) {
    // Only a call that said "wait" has seen the socket empty.
    holds_unread_ = wait == Wait::Nothing;
    return static_cast<ssize_t>(total);
  }
  return end_ == End::No ? fail(EAGAIN) : end_of_read();
}

bool TlsTransport::is_at_end() {
  if (end_ != End::No) return true;
  ERR_clear_error();
  char byte;
  std::size_t n = 0;
  const int returned = SSL_peek_ex(ssl_.get(), &byte, 1, &n);
  if (returned != 1 && take_outcome(returned) != Wait::Nothing) return false;
  holds_unread_ = true;
  return end_ != End::No;
}

// One record after the other. A record that the socket took only a part of waits inside OpenSSL,
// and its bytes count as unwritten: the caller offers them again, and no fewer of them, so that the
// same record is continued.
ssize_t TlsTransport::write(const iovec* parts, int count) {
  if (end_ == End::Broken) return fail(EPIPE);
  Pieces pieces(parts, count);
  std::size_t total = 0;
  while (!pieces.empty()) {
    std::array<char, kMaxRecordBytes> room;
    const std::string_view record = pieces.front(room);
    ERR_clear_error();
    std::size_t written = 0;
    const int returned = SSL_write_ex(ssl_.get(), record.data(), record.size(), &written);
    if (returned != 1) {
      const Wait wait = take_outcome(returned);
      write_waits_for_readable_ = wait == Wait::Read;
      if (total > 0) break;
      return fail(wait == Wait::Nothing ? EPIPE : EAGAIN);
    }
    pieces.pop(written);
    total += written;
  }
  return static_cast<ssize_t>(total);
}

void TlsTransport::shutdown_write() {
  const bool can_say = is_established() && end_ != End::Broken && !is_goodbye_said_;
  if (can_say) {
    ERR_clear_error();
    const int returned = SSL_shutdown(ssl_.get());
    if (returned < 0 && take_outcome(returned) == Wait::Write) {
      owes_goodbye_ = true;
      return;
    }
    is_goodbye_said_ = true;
  }
  owes_goodbye_ = false;
  ::shutdown(fd_, SHUT_WR);
}

std::uint32_t TlsTransport::absorb(std::uint32_t events) {
  const std::uint32_t given = events;
  if ((given & EPOLLOUT) != 0 && read_waits_for_writable_) events |= EPOLLIN;
  if ((given & EPOLLIN) != 0 && write_waits_for_readable_) events |= EPOLLOUT;
  if ((given & EPOLLOUT) != 0 && owes_goodbye_) shutdown_write();
  return events;
}

std::optional<Protocol> TlsTransport::protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  if (size == 0) return std::nullopt;
  const std::string_view chosen(reinterpret_cast<const char*>(name), size);
  return chosen == "h2" ? Protocol::Http2 : Protocol::Http1;
}

std::string TlsTransport::client_certificate() const {
  X509* shown = SSL_get0_peer_certificate(ssl_.get());
  if (shown == nullptr || SSL_get_verify_result(ssl_.get()) != X509_V_OK) return {};
  return describe_client(*shown);
}

}  // namespace pixell::net::tls
