#include "par/prepare/confinement.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "par/prepare/system_call_filter.hpp"

namespace pixell::prepare {

namespace {

Result<void> confine() {
  // A core file would hold the credentials that packages are fetched with.
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0) return errno_error("cannot forbid core files", errno);
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return errno_error("cannot hide memory", errno);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return errno_error("cannot give up new privileges", errno);
  return filter_preparation();
}

}  // namespace

void confine_preparation(const Report& report) {
  if (const auto confined = confine(); !confined)
    report({{"event", "The preparation of the package is not confined"},
            {"level", "warning"},
            {"fields", {{"reason", confined.error().message}}}});
}

}  // namespace pixell::prepare
