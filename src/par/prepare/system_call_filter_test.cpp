#include "par/prepare/system_call_filter.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <string>
#include <vector>

#include "base/testing/temp_directory.hpp"
#include "par/prepare/testing/in_a_child.hpp"

namespace pixell::prepare {
namespace {

constexpr long kX32 = 0x4000'0000;

using testing::outcome;

constexpr int kEnded = 1000 + SIGSYS;

// 0, or errno of the system call.
template <class... Arguments>
std::function<int()> call(long number, Arguments... arguments) {
  return [=] { return ::syscall(number, arguments...) < 0 ? errno : 0; };
}

struct Attempt {
  const char* name;
  std::function<int()> run;
};

// Arguments that are refused for another reason than rights, so that EPERM is the filter's.
std::vector<Attempt> refused_attempts() {
  const auto socket_of = [](int family, int type, int protocol) {
    return call(SYS_socket, family, type, protocol);
  };
  const auto clone_with = [](unsigned long flags) {
    return call(SYS_clone, flags | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  };
  return {{"ptrace", call(SYS_ptrace, -1, 0, 0, 0)},
          {"process_vm_readv", call(SYS_process_vm_readv, 0, 0, 0, 0, 0, ~0UL)},
          {"process_vm_writev", call(SYS_process_vm_writev, 0, 0, 0, 0, 0, ~0UL)},
          {"pidfd_getfd", call(SYS_pidfd_getfd, -1, -1, 0)},
          {"kcmp", call(SYS_kcmp, 0, 0, -1, 0, 0)},
          {"mount", call(SYS_mount, nullptr, "/nowhere", nullptr, 0, nullptr)},
          {"umount2", call(SYS_umount2, "/nowhere", 0)},
          {"pivot_root", call(SYS_pivot_root, "/nowhere", "/nowhere")},
          {"chroot", call(SYS_chroot, "/nowhere")},
          {"fsopen", call(SYS_fsopen, nullptr, 0)},
          {"open_tree", call(SYS_open_tree, -1, "nowhere", 0)},
          {"move_mount", call(SYS_move_mount, -1, "x", -1, "x", ~0U)},
          {"setns", call(SYS_setns, -1, 0)},
          {"unshare", call(SYS_unshare, ~0UL)},
          {"bpf", call(SYS_bpf, -1, nullptr, 0)},
          {"perf_event_open", call(SYS_perf_event_open, nullptr, 0, 0, -1, 0)},
          {"init_module", call(SYS_init_module, nullptr, 0, nullptr)},
          {"finit_module", call(SYS_finit_module, -1, nullptr, 0)},
          {"delete_module", call(SYS_delete_module, nullptr, 0)},
          {"kexec_load", call(SYS_kexec_load, 0, 0, nullptr, ~0UL)},
          {"reboot", call(SYS_reboot, 0, 0, 0, nullptr)},
          {"swapon", call(SYS_swapon, "/nowhere", 0)},
          {"syslog", call(SYS_syslog, -1, nullptr, 0)},
          {"acct", call(SYS_acct, "/nowhere/file")},
          {"quotactl", call(SYS_quotactl, ~0U, nullptr, 0, nullptr)},
          {"userfaultfd", call(SYS_userfaultfd, ~0U)},
          {"io_uring_setup", call(SYS_io_uring_setup, 0, nullptr)},
          {"io_uring_enter", call(SYS_io_uring_enter, -1, 0, 0, 0, nullptr, 0)},
          {"keyctl", call(SYS_keyctl, -1, 0, 0, 0, 0)},
          {"add_key", call(SYS_add_key, nullptr, nullptr, nullptr, 0, 0)},
          {"request_key", call(SYS_request_key, nullptr, nullptr, nullptr, 0)},
          {"personality", call(SYS_personality, 0xffff'ffff)},
          {"iopl", call(SYS_iopl, 99)},
          {"ioperm", call(SYS_ioperm, ~0UL, 1, 1)},
          {"open_by_handle_at", call(SYS_open_by_handle_at, -1, nullptr, 0)},
          {"name_to_handle_at", call(SYS_name_to_handle_at, -1, "x", nullptr, nullptr, ~0)},
          {"clock_settime", call(SYS_clock_settime, -1, nullptr)},
          {"settimeofday", call(SYS_settimeofday, -1, -1)},
          {"sethostname", call(SYS_sethostname, nullptr, -1)},
          {"clone into a user namespace", clone_with(CLONE_NEWUSER | CLONE_THREAD)},
          {"clone into a network", clone_with(CLONE_NEWNET | CLONE_THREAD)},
          {"a character device", call(SYS_mknod, "/nowhere/x", S_IFCHR | 0600, 0x103)},
          {"a block device", call(SYS_mknodat, -1, "x", S_IFBLK | 0600, 0x103)},
          {"typing into a terminal", call(SYS_ioctl, -1, TIOCSTI, "x")},
          {"packet sockets", socket_of(AF_PACKET, SOCK_RAW, 0)},
          {"vsock", socket_of(AF_VSOCK, SOCK_STREAM, 0)},
          {"kernel crypto", socket_of(AF_ALG, SOCK_SEQPACKET, 0)},
          {"amateur radio", socket_of(AF_AX25, SOCK_DGRAM, 0)},
          {"raw IP", socket_of(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP)},
          {"raw IPv6", socket_of(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6)},
          {"netfilter", socket_of(AF_NETLINK, SOCK_RAW, 12)}};
}

TEST(FilterPreparation, RefusesWhatNoInstallerNeeds) {
  for (const Attempt& attempt : refused_attempts())
    EXPECT_EQ(outcome(filter_preparation, attempt.run), EPERM) << attempt.name;
}

TEST(FilterPreparation, ReallyIsWhatRefuses) {
  const auto none = [] { return Result<void>(); };
  int otherwise = 0;
  for (const Attempt& attempt : refused_attempts())
    otherwise += outcome(none, attempt.run) != EPERM ? 1 : 0;

  // Not all: what this kernel or this container forbids anyway says EPERM without us.
  EXPECT_GT(otherwise, 10);
}

TEST(FilterPreparation, EndsCallsOfAnotherArchitecture) {
  EXPECT_EQ(outcome(filter_preparation, call(kX32 | SYS_getpid)), kEnded);
}

TEST(FilterPreparation, IsInheritedByPrograms) {
  const int code = outcome(filter_preparation, [] {
    ::execl(
        "/bin/sh", "sh", "-c",
        "grep -q 'Seccomp:.2' /proc/self/status && grep -q 'NoNewPrivs:.1' /proc/self/status && "
        "! unshare -U true 2>/dev/null",
        nullptr);
    return 1;
  });

  EXPECT_EQ(code, 0);
}

TEST(FilterPreparation, LeavesWhatInstallersNeed) {
  const std::vector<Attempt> needed = {
      {"TCP", call(SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)},
      {"UDP", call(SYS_socket, AF_INET, SOCK_DGRAM, 0)},
      {"Unix sockets", call(SYS_socket, AF_UNIX, SOCK_STREAM, 0)},
      {"our addresses", call(SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0)},
      {"executable memory",
       [] {
         return ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                        MAP_FAILED
                    ? errno
                    : 0;
       }},
      {"its own user", [] { return ::setresuid(::getuid(), ::getuid(), ::getuid()); }},
      {"a thread",
       [] {
         pthread_t thread;
         const auto nothing = [](void*) -> void* { return nullptr; };
         const int failed = ::pthread_create(&thread, nullptr, nothing, nullptr);
         return failed != 0 ? failed : ::pthread_join(thread, nullptr);
       }},
      {"a program", [] { return ::execl("/bin/true", "true", nullptr); }}};
  for (const Attempt& attempt : needed)
    EXPECT_EQ(outcome(filter_preparation, attempt.run), 0) << attempt.name;
}

TEST(FilterReading, EndsWhatReadingNeverNeeds) {
  const std::vector<Attempt> attempts = {
      {"a program", [] { return ::execl("/bin/true", "true", nullptr); }},
      {"a process", call(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr)},
      {"a socket", call(SYS_socket, AF_INET, SOCK_STREAM, 0)},
      {"a Unix socket", call(SYS_socket, AF_UNIX, SOCK_STREAM, 0)},
      {"executable memory",
       call(SYS_mmap, nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)},
      {"a link", call(SYS_symlink, "/etc/passwd", "/nowhere/x")},
      {"an owner", call(SYS_chown, "/nowhere/x", 0, 0)},
      {"a signal to another", call(SYS_kill, ::getppid(), 0)},
      {"a signal to a thread of another", call(SYS_tgkill, ::getppid(), ::getppid(), 0)},
      {"tracing", call(SYS_ptrace, 0, 0, 0, 0)},
      {"another user", call(SYS_setuid, 1)},
      {"x32", call(kX32 | SYS_getpid)}};
  for (const Attempt& attempt : attempts)
    EXPECT_EQ(outcome(filter_reading, attempt.run), kEnded) << attempt.name;
}

TEST(FilterReading, LeavesFilesThreadsAndTheEnd) {
  const TempDirectory folder;
  const std::string path = folder / "file";
  EXPECT_EQ(outcome(filter_reading,
                    [&] {
                      const int fd = ::open(path.c_str(), O_CREAT | O_EXCL | O_RDWR, 0600);
                      return fd >= 0 && ::write(fd, "x", 1) == 1 && ::fchmod(fd, 0644) == 0 ? 0 : 1;
                    }),
            0);
  EXPECT_EQ(outcome(filter_reading,
                    [] {
                      pthread_t thread;
                      const auto nothing = [](void*) -> void* { return nullptr; };
                      const int failed = ::pthread_create(&thread, nullptr, nothing, nullptr);
                      return failed != 0 ? failed : ::pthread_join(thread, nullptr);
                    }),
            0);
  EXPECT_EQ(outcome(filter_reading, [&] { return ::unlink(path.c_str()); }), 0);
  EXPECT_EQ(outcome(filter_reading, [] { return ::isatty(1) == 0 && errno == ENOTTY ? 0 : 1; }), 0);
  EXPECT_EQ(outcome(filter_reading, []() -> int { ::abort(); }), 1000 + SIGABRT);
}

TEST(Filters, AreAnErrorWhereTheKernelHasNone) {
  const auto is_told = [](Result<void> (*filter)()) {
    return [filter] {
      const auto loaded = filter();
      return !loaded && loaded.error().code == ErrorCode::FailedPrecondition ? 0 : 1;
    };
  };

  EXPECT_EQ(outcome(testing::take_filters_away, is_told(filter_preparation)), 0);
  EXPECT_EQ(outcome(testing::take_filters_away, is_told(filter_reading)), 0);
}

}  // namespace
}  // namespace pixell::prepare
