#include "par/prepare/system_call_filter.hpp"

#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <initializer_list>
#include <memory>
#include <type_traits>
#include <utility>

namespace pixell::prepare {

namespace {

// What neither pip, uv, npm nor a compiler asks for. A build that does is refused, not ended: most
// have another way.
constexpr std::array kRefused = {
    // other processes
    SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
    SCMP_SYS(process_madvise), SCMP_SYS(pidfd_getfd), SCMP_SYS(kcmp), SCMP_SYS(lookup_dcookie),
    // mounts, roots and namespaces
    SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot),
    SCMP_SYS(move_mount), SCMP_SYS(open_tree), SCMP_SYS(fsopen), SCMP_SYS(fsconfig),
    SCMP_SYS(fsmount), SCMP_SYS(fspick), SCMP_SYS(mount_setattr), SCMP_SYS(setns),
    SCMP_SYS(unshare),
    // the kernel itself
    SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(init_module), SCMP_SYS(finit_module),
    SCMP_SYS(delete_module), SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load), SCMP_SYS(reboot),
    SCMP_SYS(swapon), SCMP_SYS(swapoff), SCMP_SYS(syslog), SCMP_SYS(acct), SCMP_SYS(quotactl),
    SCMP_SYS(quotactl_fd), SCMP_SYS(sysfs), SCMP_SYS(vhangup),
    // what exploits are made of
    SCMP_SYS(userfaultfd), SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register), SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key),
    SCMP_SYS(personality), SCMP_SYS(modify_ldt), SCMP_SYS(iopl), SCMP_SYS(ioperm),
    SCMP_SYS(fanotify_init),
    // files by number instead of by path
    SCMP_SYS(open_by_handle_at), SCMP_SYS(name_to_handle_at),
    // the machine's time and name
    SCMP_SYS(clock_settime), SCMP_SYS(clock_adjtime), SCMP_SYS(settimeofday), SCMP_SYS(adjtimex),
    SCMP_SYS(sethostname), SCMP_SYS(setdomainname)};

// What reading an archive and writing its files takes, with what the C library and threads need.
constexpr std::array kForReading = {
    // bytes
    SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(readv), SCMP_SYS(preadv), SCMP_SYS(write),
    SCMP_SYS(pwrite64), SCMP_SYS(writev), SCMP_SYS(pwritev), SCMP_SYS(lseek),
    SCMP_SYS(copy_file_range), SCMP_SYS(ftruncate), SCMP_SYS(fallocate), SCMP_SYS(fadvise64),
    SCMP_SYS(fsync), SCMP_SYS(fdatasync),
    // files and directories
    SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(close), SCMP_SYS(close_range), SCMP_SYS(fcntl),
    SCMP_SYS(dup), SCMP_SYS(stat), SCMP_SYS(fstat), SCMP_SYS(lstat), SCMP_SYS(newfstatat),
    SCMP_SYS(statx), SCMP_SYS(statfs), SCMP_SYS(fstatfs), SCMP_SYS(access), SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getcwd),
    SCMP_SYS(getdents64), SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(rmdir), SCMP_SYS(unlink),
    SCMP_SYS(unlinkat), SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(chmod),
    SCMP_SYS(fchmod), SCMP_SYS(fchmodat), SCMP_SYS(umask), SCMP_SYS(utimensat),
    // memory; mmap and mprotect are below
    SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
    // time, chance, who we are
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(gettimeofday), SCMP_SYS(time),
    SCMP_SYS(getrandom), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getppid), SCMP_SYS(getuid),
    SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(uname), SCMP_SYS(sysinfo),
    SCMP_SYS(prlimit64), SCMP_SYS(poll), SCMP_SYS(ppoll),
    // threads and the end
    SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(restart_syscall), SCMP_SYS(exit),
    SCMP_SYS(exit_group)};

// Families from AF_UNIX to AF_NETLINK that are left; all above are refused.
constexpr std::array kSocketFamilies = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

// unshare and setns are refused; so is the third way into a new namespace.
constexpr std::array kNamespaceFlags = {CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                        CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET};

// Lower four bits of the type of a socket; the others are SOCK_CLOEXEC and SOCK_NONBLOCK.
constexpr scmp_datum_t kSocketTypeMask = 0xf;
// The kernel reads 32 bits of an ioctl's request.
constexpr scmp_datum_t kIoctlMask = 0xffff'ffff;

struct Release {
  void operator()(void* filter) const { seccomp_release(filter); }
};

// A filter that is being put together. The first error is kept and told at the end.
class Filter {
 public:
  explicit Filter(std::uint32_t otherwise) : filter_(seccomp_init(otherwise)) {
    if (filter_ == nullptr) keep(-ENOMEM);
    if (error_ != 0) return;
    keep(seccomp_attr_set(filter_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
    // A tree of comparisons: the kernel tries every number once when it takes the filter.
    keep(seccomp_attr_set(filter_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2));
    // What the kernel said, instead of one error for all.
    keep(seccomp_attr_set(filter_.get(), SCMP_FLTATR_API_SYSRAWRC, 1));
  }

  // `call` gets `action` when every one of the conditions holds.
  void add(std::uint32_t action, int call, std::initializer_list<scmp_arg_cmp> when = {}) {
    if (error_ == 0)
      keep(seccomp_rule_add_array(filter_.get(), action, call, static_cast<unsigned>(when.size()),
                                  when.begin()));
  }

  Result<void> load() {
    if (error_ == 0) keep(seccomp_load(filter_.get()));
    if (error_ == 0) return {};
    Error error = errno_error("the kernel takes no filter of system calls", -error_);
    error.code = ErrorCode::FailedPrecondition;
    return error;
  }

 private:
  void keep(int error) {
    if (error_ == 0 && error < 0) error_ = error;
  }

  std::unique_ptr<std::remove_pointer_t<scmp_filter_ctx>, Release> filter_;
  int error_ = 0;
};

void refuse_sockets(Filter& filter, int call) {
  const auto refuse = [&](std::initializer_list<scmp_arg_cmp> when) {
    filter.add(SCMP_ACT_ERRNO(EPERM), call, when);
  };
  for (int family = 0; family <= AF_NETLINK; ++family)
    if (std::ranges::find(kSocketFamilies, family) == kSocketFamilies.end())
      refuse({SCMP_A0_64(SCMP_CMP_EQ, scmp_datum_t(family))});
  refuse({SCMP_A0_64(SCMP_CMP_GT, scmp_datum_t(AF_NETLINK))});
  for (const int family : {AF_INET, AF_INET6})
    for (const int type : {SOCK_RAW, SOCK_PACKET})
      refuse({SCMP_A0_64(SCMP_CMP_EQ, scmp_datum_t(family)),
              SCMP_A1_64(SCMP_CMP_MASKED_EQ, kSocketTypeMask, scmp_datum_t(type))});
  // NETLINK_ROUTE is 0 and tells the resolver which addresses we have; the others are firewalls,
  // audit and the like.
  refuse({SCMP_A0_64(SCMP_CMP_EQ, scmp_datum_t(AF_NETLINK)), SCMP_A2_64(SCMP_CMP_NE, 0)});
}

}  // namespace

Result<void> filter_preparation() {
  constexpr std::uint32_t kRefuse = SCMP_ACT_ERRNO(EPERM);
  Filter filter(SCMP_ACT_ALLOW);
  for (const int call : kRefused) filter.add(kRefuse, call);
  for (const int call : {SCMP_SYS(socket), SCMP_SYS(socketpair)}) refuse_sockets(filter, call);
  for (const int flag : kNamespaceFlags)
    filter.add(kRefuse, SCMP_SYS(clone),
               {SCMP_A0_64(SCMP_CMP_MASKED_EQ, scmp_datum_t(flag), scmp_datum_t(flag))});
  // Its flags are in memory, where no filter sees them; the C library falls back to clone.
  filter.add(SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3));
  for (const mode_t type : {S_IFCHR, S_IFBLK}) {
    filter.add(kRefuse, SCMP_SYS(mknod), {SCMP_A1_64(SCMP_CMP_MASKED_EQ, S_IFMT, type)});
    filter.add(kRefuse, SCMP_SYS(mknodat), {SCMP_A2_64(SCMP_CMP_MASKED_EQ, S_IFMT, type)});
  }
  // Typing into the terminal that `par run` was started from.
  for (const scmp_datum_t request : {TIOCSTI, TIOCLINUX})
    filter.add(kRefuse, SCMP_SYS(ioctl), {SCMP_A1_64(SCMP_CMP_MASKED_EQ, kIoctlMask, request)});
  return filter.load();
}

Result<void> filter_reading() {
  Filter filter(SCMP_ACT_KILL_PROCESS);
  for (const int call : kForReading) filter.add(SCMP_ACT_ALLOW, call);
  for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)})
    filter.add(SCMP_ACT_ALLOW, call, {SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)});
  filter.add(SCMP_ACT_ALLOW, SCMP_SYS(clone),
             {SCMP_A0_64(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)});
  filter.add(SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3));
  // abort() has to end this process, and nothing has to end another.
  filter.add(SCMP_ACT_ALLOW, SCMP_SYS(tgkill), {SCMP_A0_64(SCMP_CMP_EQ, scmp_datum_t(::getpid()))});
  // Whether a descriptor is a terminal is asked by libraries that can do without the answer.
  filter.add(SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(ioctl));
  return filter.load();
}

}  // namespace pixell::prepare
