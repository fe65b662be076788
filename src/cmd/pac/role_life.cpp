#include "cmd/pac/role_life.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>

#include "base/files.hpp"
#include "cmd/pac/role_record.hpp"

namespace pixell::cmd {

namespace {

Result<std::vector<UniqueFd>> duplicates(const std::vector<UniqueFd>& sockets) {
  std::vector<UniqueFd> copies;
  for (const UniqueFd& socket : sockets) {
    UniqueFd copy(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 3));
    if (!copy) return errno_error("cannot duplicate a listening socket", errno);
    copies.push_back(std::move(copy));
  }
  return copies;
}

}  // namespace

RoleLife::RoleLife(std::filesystem::path state_dir, UniqueFd life_fd)
    : state_dir_(std::move(state_dir)), line_(std::move(life_fd)) {}

Result<std::unique_ptr<RoleLife>> RoleLife::begin(std::string_view role,
                                                  const RoleOptions& options) {
  std::unique_ptr<RoleLife> life(new RoleLife(options.state_dir, UniqueFd(options.life_fd)));
  for (const int fd : options.held_fds) {
    life->listeners_.emplace_back(fd);
    TRY_VOID(set_inherited(fd, false));
  }
  if (options.life_fd >= 0) TRY_VOID(set_inherited(options.life_fd, false));
  // The socket first: whoever finds the record may ask at once.
  TRY_VOID(make_directories(role_records(options.state_dir)));
  TRY(std::vector<UniqueFd> copies, duplicates(life->listeners_));
  TRY(life->handover_,
      SocketHandover::start(handover_socket(options.state_dir, ::getpid()), std::move(copies)));
  TRY_VOID(record_role(options.state_dir, role));
  if (::prctl(PR_SET_PDEATHSIG, 0) != 0) return errno_error("cannot outlive the supervisor", errno);
  return life;
}

RoleLife::~RoleLife() {
  let_go();
  forget_role(state_dir_, ::getpid());
}

void RoleLife::let_go() {
  if (handover_) handover_->stop();
  listeners_.clear();
}

}  // namespace pixell::cmd
