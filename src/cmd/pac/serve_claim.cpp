#include "cmd/pac/serve_claim.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "cmd/pac/limits.hpp"
#include "cmd/pac/role_record.hpp"
#include "cmd/pac/socket_handover.hpp"
#include "engine/local/node/limits.hpp"
#include "net/socket_address.hpp"
#include "net/sockets.hpp"

namespace pixell::cmd {

namespace {

namespace fs = std::filesystem;

Result<fs::path> make_state_dir(const fs::path& wanted) {
  const auto refused = [&](const Error& error) {
    return make_error(error.code,
                      fmt::format("--state {}: {}; choose a directory that this user may write to",
                                  wanted.string(), error.message));
  };
  // Agents with user ids of their own get through to their directories, and see nothing else.
  if (const auto made = make_directories(wanted, 0711); !made) return refused(made.error());
  std::error_code failed;
  const fs::path state_dir = fs::canonical(wanted, failed);
  if (failed) return refused(errno_error("cannot find it", failed.value()));
  if (const std::size_t bytes = state_dir.string().size(); bytes > engine::node::kMaxStateDirBytes)
    return make_error(
        ErrorCode::InvalidArgument,
        fmt::format("--state {}: the path has {} bytes; at most {} leave room for the "
                    "sockets in it, choose a shorter one",
                    state_dir.string(), bytes, engine::node::kMaxStateDirBytes));
  if (const auto made = make_directories(state_dir / "run", 0700); !made)
    return refused(made.error());
  return state_dir;
}

Result<UniqueFd> lock_state_dir(const fs::path& state_dir) {
  auto lock = lock_file(state_dir / "run" / "serve.lock", kServeLockTimeoutMs);
  if (lock) return lock;
  if (lock.error().code == ErrorCode::DeadlineExceeded)
    return make_error(
        ErrorCode::AlreadyExists,
        fmt::format("--state {}: another `pac serve` or `pac edge` uses it; stop that one, or "
                    "choose another directory",
                    state_dir.string()));
  return make_error(lock.error().code,
                    fmt::format("--state {}: {}; choose a directory that this user may write to",
                                state_dir.string(), lock.error().message));
}

std::string_view remedy_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::AlreadyExists:
      return "stop the program that listens there, or choose another address";
    case ErrorCode::PermissionDenied:
      return "choose a port above 1023, or start with the right to bind lower ones";
    case ErrorCode::InvalidArgument:
      return "give a number like 127.0.0.1 (this machine only) or 0.0.0.0 (every network)";
    default:
      return "choose an address of this machine";
  }
}

// The sockets of those who served here before: what waits in their backlogs is served.
class FormerSockets {
 public:
  FormerSockets(const fs::path& state_dir, std::vector<UniqueFd> handed_over)
      : sockets_(std::move(handed_over)) {
    std::vector<RoleRecord> holders;
    if (sockets_.empty()) holders = running_roles(state_dir);
    // The edge first: it has them for certain. Any other will do when it does not answer.
    std::ranges::stable_partition(holders, [](const auto& one) { return one.role == "edge"; });
    for (const RoleRecord& holder : holders) {
      if (holder.role == "serve") continue;
      auto taken = take_sockets(handover_socket(state_dir, holder.identity.pid), kHandoverTimeout);
      if (!taken || taken->empty()) continue;
      sockets_ = std::move(*taken);
      return;
    }
  }

  // The socket that is bound to the address; port 0 stands for any. Empty when there is none.
  UniqueFd take(const net::HostPort& where) {
    for (UniqueFd& socket : sockets_) {
      sockaddr_storage bound{};
      socklen_t size = sizeof bound;
      if (!socket || ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0)
        continue;
      const auto address = net::split_host_port(net::peer_text(bound));
      if (address && address->host == where.host &&
          (where.port == 0 || address->port == where.port))
        return std::move(socket);
    }
    return {};
  }

 private:
  std::vector<UniqueFd> sockets_;
};

Result<UniqueFd> open_listener(const net::HostPort& where, FormerSockets& former,
                               bool is_former_edge_there) {
  if (UniqueFd taken = former.take(where)) return taken;
  // A killed edge holds its port a moment longer.
  const Instant deadline =
      system_clock().now() + (is_former_edge_there ? kFormerEdgeTimeout : Millis(0));
  while (true) {
    auto listener = net::listen_tcp(where.host, where.port);
    if (listener || listener.error().code != ErrorCode::AlreadyExists ||
        system_clock().now() >= deadline)
      return listener;
    ::poll(nullptr, 0, static_cast<int>(kFormerEdgePoll.count()));
  }
}

Result<net::HostPort> address_of(std::string_view option, const std::string& spec) {
  if (const auto where = net::split_host_port(spec)) return *where;
  return make_error(ErrorCode::InvalidArgument,
                    fmt::format("{} '{}' must be address:port with a port up to 65535, like "
                                "127.0.0.1:4000 or [::1]:4000",
                                option, spec));
}

// Listeners of one kind, as they come up.
struct Opened {
  std::vector<UniqueFd>& listeners;
  std::string& addresses;

  Result<void> add(const std::string& spec, UniqueFd listener) {
    TRY(const std::uint16_t port, net::bound_port(listener.get()));
    addresses += fmt::format("{}{}:{}", addresses.empty() ? "" : ", ",
                             spec.substr(0, spec.rfind(':')), port);
    listeners.push_back(std::move(listener));
    return {};
  }
};

// What those who served here before may still hold.
struct Former {
  FormerSockets& sockets;
  bool is_edge_there;
};

Result<void> open_all(std::string_view option, const std::vector<std::string>& specs, Former former,
                      Opened opened) {
  for (const std::string& spec : specs) {
    TRY(const net::HostPort where, address_of(option, spec));
    auto listener = open_listener(where, former.sockets, former.is_edge_there);
    if (!listener)
      return make_error(listener.error().code,
                        fmt::format("{} {}: {}; {}", option, spec, listener.error().message,
                                    remedy_of(listener.error().code)));
    TRY_VOID(opened.add(spec, std::move(*listener)));
  }
  return {};
}

}  // namespace

std::vector<int> PublicListeners::all() const {
  std::vector<int> sockets;
  for (const auto* kind : {&plain, &tls, &redirect, &edges})
    for (const UniqueFd& socket : *kind) sockets.push_back(socket.get());
  return sockets;
}

Result<StateClaim> claim_state_dir(const fs::path& wanted, UniqueFd held_lock) {
  StateClaim claim;
  TRY(claim.state_dir, make_state_dir(wanted));
  claim.lock = std::move(held_lock);
  if (!claim.lock) {
    TRY(claim.lock, lock_state_dir(claim.state_dir));
  }
  return claim;
}

Result<ServeClaim> claim_state_and_ports(const fs::path& wanted, const PublicAddresses& addresses,
                                         ServeHandover handover) {
  const std::size_t count = addresses.plain.size() + addresses.tls.size() +
                            addresses.redirect.size() + addresses.edges.size();
  if (count > kMaxListeners)
    return make_error(ErrorCode::InvalidArgument,
                      fmt::format("--listen, --tls-listen, --redirect-listen and --edge-listen are "
                                  "given {} times together; at most {} addresses are served",
                                  count, kMaxListeners));
  ServeClaim claim;
  TRY(StateClaim state, claim_state_dir(wanted, std::move(handover.lock)));
  claim.state_dir = std::move(state.state_dir);
  claim.lock = std::move(state.lock);
  // A `pac serve` that ended in order has removed it.
  std::error_code ignored;  // then there is none that could be read either
  FormerSockets sockets(claim.state_dir, std::move(handover.sockets));
  const Former former{.sockets = sockets,
                      .is_edge_there = fs::exists(claim.state_dir / "run" / "edge.pid", ignored)};
  Opened plain{claim.listeners.plain, claim.addresses};
  TRY_VOID(open_all("--listen", addresses.plain, former, plain));
  TRY_VOID(
      open_all("--tls-listen", addresses.tls, former, {claim.listeners.tls, claim.tls_addresses}));
  TRY_VOID(open_all("--redirect-listen", addresses.redirect, former,
                    {claim.listeners.redirect, claim.redirect_addresses}));
  TRY_VOID(open_all("--edge-listen", addresses.edges, former,
                    {claim.listeners.edges, claim.edge_addresses}));
  const std::string& also = addresses.also;
  if (also.empty() || std::ranges::find(addresses.plain, also) != addresses.plain.end())
    return claim;
  TRY(const net::HostPort where, address_of("--also-listen", also));
  auto listener = open_listener(where, sockets, former.is_edge_there);
  if (listener)
    TRY_VOID(plain.add(also, std::move(*listener)));
  else
    claim.missed = fmt::format("--also-listen {}: {}", also, listener.error().message);
  return claim;
}

}  // namespace pixell::cmd
