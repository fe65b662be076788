#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace pixell::cmd {

/// Hands duplicates of listening sockets to whoever connects to a Unix socket (mode 0600), from a
/// thread of its own. Each role runs one, so that the sockets, with what waits in their backlogs,
/// outlive a `pac serve` that was killed.
class SocketHandover {
 public:
  /// Listens at `path`; `sockets` are handed out, at most kMaxListeners.
  static Result<std::unique_ptr<SocketHandover>> start(const std::filesystem::path& path,
                                                       std::vector<UniqueFd> sockets);
  ~SocketHandover();

  /// Closes the sockets and ends the thread: they belong to others now.
  void stop();

 private:
  SocketHandover(UniqueFd listener, UniqueFd wake, std::vector<UniqueFd> sockets);
  void serve();
  UniqueFd listener_;
  UniqueFd wake_;  // an eventfd: readable when the thread has to end
  std::vector<UniqueFd> sockets_;
  std::thread thread_;
};

/// The sockets that are handed out at `path`. NotFound or Unavailable when nobody does so within
/// `timeout`.
Result<std::vector<UniqueFd>> take_sockets(const std::filesystem::path& path, Millis timeout);

}  // namespace pixell::cmd
