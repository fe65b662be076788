#include "cmd/pac/edge_alone.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cmd/pac/limits.hpp"
#include "net/tls/tls_server.hpp"

namespace pixell::cmd {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kKeptChars = 10;  // of a ULID's random part

// In any locale.
bool is_letter_or_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Has the role accept from the sockets that were opened for it.
void hand_over(std::vector<UniqueFd>& sockets, std::vector<int>& fds, RoleOptions& role) {
  for (UniqueFd& socket : sockets) {
    fds.push_back(socket.get());
    role.held_fds.push_back(socket.release());
  }
}

Result<void> check_files(const EdgeOptions& options, const PeerFiles& files) {
  TRY_VOID(check_peer_files(files));
  if (!options.alone->listen.tls.empty())
    TRY_VOID(net::tls::TlsServer::load(options.tls, Log(1, LogLevel::Error)));
  return {};
}

}  // namespace

Result<void> check_edge_id(const std::string& id) {
  if (!id.empty() && id.size() <= kMaxEdgeIdChars && std::ranges::all_of(id, is_letter_or_digit))
    return {};
  return make_error(
      ErrorCode::InvalidArgument,
      fmt::format("--edge-id '{}' must be 1 to {} letters and digits", id, kMaxEdgeIdChars));
}

std::string alone_id(std::string_view chosen, std::string_view host, std::string_view kept) {
  if (!chosen.empty()) return std::string(chosen);
  std::string id;
  std::ranges::copy_if(host, std::back_inserter(id), is_letter_or_digit);
  id.resize(std::min(id.size(), kMaxEdgeHostChars));
  id += kept.substr(kept.size() - std::min(kept.size(), kKeptChars));
  return id;
}

Result<AloneClaim> claim_alone(EdgeOptions& options, const Log& log) {
  AloneClaim alone{.lock = {}, .control = {.url = options.alone->control, .files = {}}};
  TRY(ServeClaim claim, claim_state_and_ports(options.role.state_dir, options.alone->listen));
  options.role.state_dir = claim.state_dir;
  TRY(alone.control.files,
      place_peer_files(options.alone->peer, claim.state_dir / "run" / "control_peer"));
  if (const auto good = check_files(options, alone.control.files); !good) {
    std::error_code ignored;  // then there are none that could be read either
    if (!fs::exists(claim.state_dir / "edge" / "routes", ignored)) return good.error();
    log.error("Certificates do not work; the last routes are served",
              {{"error", good.error().message}});
  }
  hand_over(claim.listeners.plain, options.listen_fds, options.role);
  hand_over(claim.listeners.tls, options.tls_listen_fds, options.role);
  hand_over(claim.listeners.redirect, options.redirect_listen_fds, options.role);
  alone.addresses = fmt::format("{}{}{}", claim.addresses, claim.tls_addresses.empty() ? "" : ", ",
                                claim.tls_addresses);
  alone.lock = std::move(claim.lock);
  return alone;
}

}  // namespace pixell::cmd
