#include "par/prepare/package_reader.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "apkg/limits.hpp"
#include "base/files.hpp"
#include "base/process.hpp"
#include "par/prepare/limits.hpp"
#include "par/prepare/system_call_filter.hpp"

namespace pixell::prepare {

using nlohmann::json;

namespace {

constexpr const char* kCannotStart = "the process that reads the package cannot be started";

void lower_limit(decltype(RLIMIT_CORE) resource, std::uint64_t value) {
  rlimit limit{};
  if (::getrlimit(resource, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max = std::min<rlim_t>(value, limit.rlim_max);
  (void)::setrlimit(resource, &limit);
}

std::unexpected<model::Failure> out_of_memory() {
  return apkg::refuse(model::Cause::PackageTooLarge,
                      fmt::format("reading the package takes more than {} MiB of memory",
                                  kMaxReaderMemoryBytes >> 20));
}

bool write_line(const json& line) {
  const std::string text = line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  return write_all(STDOUT_FILENO, text).has_value();
}

apkg::Checked<json> read_within_limits(const Read& read) try {
  return read([](const json& line) { (void)write_line(line); });
} catch (const std::bad_alloc&) {
  return out_of_memory();
}

// The child. Its end is its only way back; destructors of the parent's objects must not run.
[[noreturn]] void run_child(const Read& read, int answers, pid_t parent) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != parent) ::_exit(127);
  // What it says goes to us, never straight to par.
  if (::dup2(answers, STDOUT_FILENO) < 0) ::_exit(127);
  (void)::close_range(STDERR_FILENO + 1, ~0U, 0);  // kernels before 5.9 leave them open
  ::signal(SIGXFSZ, SIG_IGN);  // a write beyond the limit fails with EFBIG instead
  lower_limit(RLIMIT_FSIZE, apkg::kMaxUnpackedFileBytes);
  lower_limit(RLIMIT_DATA, kMaxReaderMemoryBytes);
  // A kernel without filters was a warning when this program started.
  (void)filter_reading();
  const auto result = read_within_limits(read);
  const bool is_told = write_line(result ? json{{"read", *result}}
                                         : json{{"failure", model::to_json(result.error())}});
  ::_exit(is_told ? 0 : 127);
}

// Passes on what the child reports until it ends; its answer, or null.
class Answers {
 public:
  explicit Answers(const Report& report) : report_(report) {}

  json read_all(int fd) {
    char chunk[16 * 1024];
    for (std::size_t total = 0; total <= kMaxReadingBytes;) {
      const ssize_t got = ::read(fd, chunk, sizeof chunk);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return std::move(answer_);
      total += static_cast<std::size_t>(got);
      take({chunk, static_cast<std::size_t>(got)});
    }
    return nullptr;
  }

 private:
  void take(std::string_view bytes) {
    for (std::size_t end; (end = bytes.find('\n')) != std::string_view::npos;) {
      rest_ += bytes.substr(0, end);
      bytes.remove_prefix(end + 1);
      take_line(json::parse(std::exchange(rest_, {}), nullptr, false));
    }
    rest_ += bytes;
  }
  // It can tell how far it is; what the result of the preparation is, it cannot.
  void take_line(json line) {
    if (!line.is_object()) return;
    if (line.contains("read") || line.contains("failure"))
      answer_ = std::move(line);
    else if (line.contains("phase") || line.contains("event"))
      report_(line);
  }

  const Report& report_;
  std::string rest_;
  json answer_;
};

std::unexpected<model::Failure> failure_of_end(const ExitStatus& end) {
  if (end.signal == SIGSYS)
    return apkg::refuse(
        model::Cause::UnsafeArchive,
        "reading the package was ended: it tried what reading a package never needs",
        {"a system call outside of the filter (SIGSYS)"},
        "Do not run this package unless you know who made it; report it as an error of par if you "
        "do.");
  return apkg::refuse(model::Cause::Internal,
                      end.signal != 0
                          ? fmt::format("reading the package was ended by signal {} ({})",
                                        end.signal, ::strsignal(end.signal))
                          : fmt::format("reading the package gave no answer (code {})", end.code));
}

apkg::Checked<json> result_of(json answer, const ExitStatus& end) {
  if (end.signal != 0 || end.code != 0 || !answer.is_object()) return failure_of_end(end);
  if (answer["read"].is_object()) return std::move(answer["read"]);
  auto failure = model::failure_from_json(answer["failure"]);
  if (!failure) return failure_of_end(end);
  return std::unexpected(std::move(*failure));
}

}  // namespace

apkg::Checked<json> read_apart(const Read& read, const Report& report) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return apkg::refuse(model::Cause::Internal, kCannotStart, errno_error("pipe", errno));
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0)
    return apkg::refuse(model::Cause::Internal, kCannotStart, errno_error("fork", errno));
  if (child == 0) run_child(read, writer.get(), parent);
  writer.reset();
  json answer = Answers(report).read_all(reader.get());
  reader.reset();  // whoever says too much is not waited for
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return result_of(std::move(answer), exit_status_of(status));
}

}  // namespace pixell::prepare
