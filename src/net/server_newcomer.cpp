#include "net/server_newcomer.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cctype>
#include <cerrno>
#include <utility>

#include "net/reply.hpp"
#include "net/server_connection.hpp"

namespace pixell::net {

void Newcomer::on_ready(std::uint32_t events) {
  const bool is_only_writable = (socket.absorb(events) & ~std::uint32_t(EPOLLOUT)) == 0;
  if (is_only_writable) return;
  if (transports_ == nullptr || has_transport()) read_first_bytes();
}

// The first byte of a TLS record is a small number (RFC 8446 5.1), that of HTTP is a letter. Until
// it comes, an encrypted connection holds no more memory than a plain one.
bool Newcomer::has_transport() {
  if (socket.transport() != nullptr) return true;
  char first = 0;
  const ssize_t n = ::recv(socket.fd(), &first, 1, MSG_PEEK);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return false;
  if (n > 0 && std::isalpha(static_cast<unsigned char>(first)) != 0) {
    owner_.recognised(*this, Wire::PlainOnTls);
    return false;
  }
  auto transport = n > 0 ? transports_->make(socket.fd()) : nullptr;
  if (transport == nullptr) {
    owner_.gave_up(*this);
    return false;
  }
  socket.encrypt(std::move(transport));
  owner_.handshake_began(*this);
  return true;
}

void Newcomer::note_established() {
  if (is_established_ || !socket.transport()->is_established()) return;
  is_established_ = true;
  peer.is_encrypted = true;
  peer.certificate = socket.transport()->client_certificate();
  owner_.handshake_done(*this);
}

void Newcomer::read_first_bytes() {
  for (;;) {
    const ssize_t n = socket.read(loop_.scratch(), EventLoop::kScratchBytes);
    const int error = errno;
    if (socket.transport() != nullptr) note_established();
    if (n < 0 && (error == EAGAIN || error == EWOULDBLOCK)) return;
    if (n <= 0) return owner_.gave_up(*this);
    first_bytes.append(loop_.scratch(), std::size_t(n));
    if (const auto agreed = socket.protocol())
      return owner_.recognised(*this, *agreed == Protocol::Http2 ? Wire::Http2 : Wire::Http1);
    const std::string_view seen = first_bytes;
    if (!seen.starts_with(kH2Preface.substr(0, seen.size())))
      return owner_.recognised(*this, Wire::Http1);
    if (seen.size() >= kH2Preface.size()) return owner_.recognised(*this, Wire::Http2);
  }
}

std::unique_ptr<StreamHandler> SpeakTlsHere::on_request(ServerStream& stream) {
  send_problem(stream, 400,
               "this port speaks TLS and the request came unencrypted; use https:// in its place");
  return ignore_body();
}

}  // namespace pixell::net
