#pragma once

#include <openssl/evp.h>

#include <array>
#include <mutex>
#include <optional>
#include <span>

#include "base/clock.hpp"

// Internal to net/tls: what encrypts session tickets (RFC 5077, RFC 8446 4.6.1).

namespace pixell::net::tls {

/// The keys of the session tickets of one edge: shared by all its loops and by the contexts of all
/// certificates, before and after a reload. Never leave the process; made anew every
/// kTicketKeyLifetime. Safe from several threads.
class TicketKeys {
 public:
  struct Key {
    std::array<unsigned char, 16> name{};
    std::array<unsigned char, 32> cipher{};
    std::array<unsigned char, 32> mac{};
  };

  explicit TicketKeys(const Clock& clock);
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;
  ~TicketKeys();

  /// The key new tickets are encrypted with.
  Key current();
  struct Found {
    Key key;
    bool is_current = false;  ///< else the client should get a new ticket
  };
  /// The key of a ticket; nullopt when it is unknown or too old.
  std::optional<Found> find(std::span<const unsigned char, 16> name);

  /// Has a context use these keys, which must outlive it.
  void serve(struct ssl_ctx_st& context);

 private:
  void rotate();

  const Clock& clock_;
  std::mutex mutex_;  // guards the rest
  Key current_;
  std::optional<Key> previous_;
  Instant made_{};
};

}  // namespace pixell::net::tls
