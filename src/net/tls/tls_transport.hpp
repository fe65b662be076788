#pragma once

#include <memory>
#include <optional>
#include <string>

#include "net/server_tally.hpp"
#include "net/tls/contexts.hpp"
#include "net/tls/openssl.hpp"
#include "net/transport.hpp"

// Internal to net/tls: one encrypted connection.

namespace pixell::net::tls {

/// How OpenSSL reads and writes the descriptors of TlsTransports: without SIGPIPE.
BioMethodPtr make_socket_method();

/// The server's end of one TLS connection.
class TlsTransport final : public Transport {
 public:
  /// Null without memory. `method` outlives the transport.
  static std::unique_ptr<TlsTransport> make(int fd, std::shared_ptr<const Contexts> contexts,
                                            const BIO_METHOD& method);

  ssize_t read(char* to, std::size_t room) override;
  bool holds_unread() const override { return holds_unread_; }
  bool is_at_end() override;
  ssize_t write(const iovec* parts, int count) override;
  void shutdown_write() override;
  std::uint32_t absorb(std::uint32_t events) override;
  bool is_established() const override { return contexts_ == nullptr; }
  const char* failure() const override { return failure_; }
  HandshakeFailure failure_kind() const override { return failure_kind_; }
  std::optional<Protocol> protocol() const override;
  std::string client_certificate() const override;

 private:
  /// How the bytes of the peer ended.
  enum class End : unsigned char { No, Announced, Broken };
  /// What a call into OpenSSL that gave nothing waits for.
  enum class Wait : unsigned char { Read, Write, Nothing };

  TlsTransport(int fd, std::shared_ptr<const Contexts> contexts)
      : fd_(fd), contexts_(std::move(contexts)) {}

  static int read_socket(BIO* bio, char* to, int room);
  static int write_socket(BIO* bio, const char* from, int size);
  static long control(BIO* bio, int command, long argument, void* pointer);
  friend BioMethodPtr make_socket_method();

  Wait take_outcome(int returned);
  void note_established();
  static ssize_t fail(int error);
  ssize_t end_of_read() const;

  const int fd_;
  SslPtr ssl_;
  std::shared_ptr<const Contexts> contexts_;  // until the handshake is over
  const char* failure_ = nullptr;
  HandshakeFailure failure_kind_ = HandshakeFailure::ClientLeft;
  End end_ = End::No;
  bool is_socket_at_end_ = false;
  bool holds_unread_ = false;
  bool read_waits_for_writable_ = false;
  bool write_waits_for_readable_ = false;
  bool is_goodbye_said_ = false;
  bool owes_goodbye_ = false;  // the socket had no room for it
};

}  // namespace pixell::net::tls
