#include "cmd/pac/serve_claim.hpp"

#include <fmt/format.h>
#include <poll.h>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "cmd/pac/limits.hpp"
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
    return make_error(ErrorCode::InvalidArgument,
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
    return make_error(ErrorCode::AlreadyExists,
                      fmt::format("--state {}: another `pac serve` uses it; stop that one, or "
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

Result<UniqueFd> open_listener(const std::string& spec, const net::HostPort& where,
                               bool is_former_edge_there) {
  // An edge dies with its supervisor, but a moment later: until then it holds the port.
  const Instant deadline =
      system_clock().now() + (is_former_edge_there ? kFormerEdgeTimeout : Millis(0));
  while (true) {
    auto listener = net::listen_tcp(where.host, where.port);
    if (listener) return listener;
    const Error& error = listener.error();
    if (error.code != ErrorCode::AlreadyExists || system_clock().now() >= deadline)
      return make_error(error.code, fmt::format("--listen {}: {}; {}", spec, error.message,
                                                remedy_of(error.code)));
    ::poll(nullptr, 0, static_cast<int>(kFormerEdgePoll.count()));
  }
}

}  // namespace

Result<ServeClaim> claim_state_and_ports(const fs::path& wanted,
                                         const std::vector<std::string>& listen) {
  if (listen.size() > kMaxListeners)
    return make_error(ErrorCode::InvalidArgument,
                      fmt::format("--listen is given {} times; at most {} addresses are served",
                                  listen.size(), kMaxListeners));
  TRY(const fs::path state_dir, make_state_dir(wanted));
  ServeClaim claim;
  TRY(claim.lock, lock_state_dir(state_dir));
  // A `pac serve` that ended in order has removed it.
  std::error_code ignored;  // then there is none that could be read either
  const bool is_former_edge_there = fs::exists(state_dir / "run" / "edge.pid", ignored);
  for (const std::string& spec : listen) {
    const auto where = net::split_host_port(spec);
    if (!where)
      return make_error(ErrorCode::InvalidArgument,
                        fmt::format("--listen '{}' must be address:port with a port up to 65535, "
                                    "like 127.0.0.1:4000 or [::1]:4000",
                                    spec));
    TRY(UniqueFd listener, open_listener(spec, *where, is_former_edge_there));
    TRY(const std::uint16_t port, net::bound_port(listener.get()));
    claim.addresses += fmt::format("{}{}:{}", claim.addresses.empty() ? "" : ", ",
                                   spec.substr(0, spec.rfind(':')), port);
    claim.listeners.push_back(std::move(listener));
  }
  return claim;
}

}  // namespace pixell::cmd
