#include "base/crash_point.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/log.hpp"
#include "base/unique_fd.hpp"

namespace pixell {

namespace {

// What PIXELL_CRASH_POINT asks for.
struct WantedCrash {
  bool is_wanted = false;
  std::string name{};
  std::string marker{};
};

WantedCrash read_wanted() {
  const char* value = std::getenv(kCrashPointVariable);
  if (value == nullptr || *value == '\0') return {};
  const std::string_view text(value);
  const std::size_t at = text.find('@');
  if (at == 0 || at == std::string_view::npos || at + 1 == text.size()) {
    Log().error("PIXELL_CRASH_POINT must be <name>@<marker path>; no point ends this process",
                {{"value", text}});
    return {};
  }
  return {.is_wanted = true,
          .name = std::string(text.substr(0, at)),
          .marker = std::string(text.substr(at + 1))};
}

// True for the one process that is first to make it.
bool make_marker(const std::string& path) {
  const UniqueFd marker(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!marker && errno != EEXIST)
    Log().error("Crash marker cannot be made; the process runs on",
                {{"path", path}, {"error", std::strerror(errno)}});
  return bool(marker);
}

}  // namespace

void crash_point(std::string_view name) {
  static const WantedCrash wanted = read_wanted();
  if (!wanted.is_wanted || name != wanted.name || !make_marker(wanted.marker)) return;
  ::kill(::getpid(), SIGKILL);
  while (true) ::pause();  // on another thread the signal may come a moment later
}

}  // namespace pixell
