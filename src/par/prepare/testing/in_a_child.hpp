#pragma once

#include <gtest/gtest.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

#include "base/result.hpp"

namespace pixell::prepare::testing {

/// What a step came to that could not be undone here, so that a child does it.
inline constexpr int kNotPrepared = 99;

/// In a child: `prepare`, then `attempt`. The code that `attempt` returned, 1000 + the signal that
/// ended the child, or kNotPrepared.
inline int outcome(const std::function<Result<void>()>& prepare,
                   const std::function<int()>& attempt) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(prepare() ? attempt() : kNotPrepared);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

/// From here on the kernel has no filters of system calls, as far as this process sees.
inline Result<void> take_filters_away() {
  scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);
  seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(seccomp), 0);
  seccomp_rule_add(context, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(prctl), 1,
                   SCMP_A0(SCMP_CMP_EQ, PR_SET_SECCOMP));
  if (seccomp_load(context) != 0) return make_error(ErrorCode::Internal, "no filter");
  return {};
}

}  // namespace pixell::prepare::testing
