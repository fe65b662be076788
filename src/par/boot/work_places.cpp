#include "par/boot/work_places.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "base/files.hpp"

namespace pixell::par {

namespace {

namespace fs = std::filesystem;

// sun_path has 108 bytes with its end; the longest socket name is /rest.sock.
constexpr std::size_t kMaxSocketDirBytes = 107 - 11;

Result<std::string> make_scratch() {
  std::error_code failed;
  const fs::path parent = fs::temp_directory_path(failed);
  std::string pattern = (failed ? fs::path("/tmp") : parent) / "pixell_par_XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr)
    return errno_error(fmt::format("cannot make a scratch directory {}", pattern), errno);
  return pattern;
}

Result<void> make_private(const std::string& path, std::int64_t owner) {
  if (::mkdir(path.c_str(), 0700) != 0)
    return errno_error(fmt::format("cannot make {}", path), errno);
  const auto user = static_cast<uid_t>(owner);
  if (owner >= 0 && ::lchown(path.c_str(), user, user) != 0)
    return errno_error(fmt::format("cannot give {} to user {}", path, owner), errno);
  return {};
}

// The agent's user, whose group has its number, must get through to its package and see nothing on
// the way; nobody else gets through at all.
Result<void> open_to(const std::string& path, std::int64_t user) {
  const bool has_user = user >= 0;
  if (has_user && ::lchown(path.c_str(), static_cast<uid_t>(-1), static_cast<gid_t>(user)) != 0)
    return errno_error(fmt::format("cannot open {} to user {}", path, user), errno);
  if (::chmod(path.c_str(), has_user ? 0710 : 0700) != 0)
    return errno_error(fmt::format("cannot set the mode of {}", path), errno);
  return {};
}

Result<void> make_passable(const std::string& path, std::int64_t user) {
  if (::mkdir(path.c_str(), 0700) != 0)
    return errno_error(fmt::format("cannot make {}", path), errno);
  return open_to(path, user);
}

}  // namespace

Result<std::unique_ptr<WorkPlaces>> WorkPlaces::create(const std::string& instance_dir,
                                                       std::int64_t worker_uid) {
  std::unique_ptr<WorkPlaces> places(new WorkPlaces);
  if (instance_dir.empty()) {
    TRY(places->root_, make_scratch());
    TRY_VOID(open_to(places->root_, worker_uid));
  } else {
    TRY_VOID(make_directories(instance_dir));
    places->root_ = instance_dir + "/work";
    std::error_code failed;
    fs::remove_all(places->root_, failed);
    if (failed)
      return errno_error(fmt::format("cannot remove the old {}", places->root_), failed.value());
    TRY_VOID(make_passable(places->root_, worker_uid));
  }
  places->prepare_ = places->root_ + "/package";
  places->home_ = places->root_ + "/home";
  places->tmp_ = places->root_ + "/tmp";
  places->sockets_ = places->root_ + "/run";
  if (places->sockets_.size() > kMaxSocketDirBytes) {
    TRY(places->short_dir_, make_scratch());
    TRY_VOID(open_to(places->short_dir_, worker_uid));
    places->sockets_ = places->short_dir_ + "/run";
  }
  TRY_VOID(make_passable(places->prepare_, worker_uid));
  for (const std::string& path : {places->home_, places->tmp_, places->sockets_})
    TRY_VOID(make_private(path, worker_uid));
  return places;
}

WorkPlaces::~WorkPlaces() {
  // Best effort at the end of a life: the next one removes what is left.
  std::error_code ignored;
  for (const std::string& path : {root_, short_dir_})
    if (!path.empty()) fs::remove_all(path, ignored);
}

}  // namespace pixell::par
