#include "par/observe/telemetry_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/files.hpp"
#include "par/observe/limits.hpp"

namespace pixell::par {

TelemetryProcess::TelemetryProcess(net::EventLoop& loop, Children& children, Metrics& metrics,
                                   Log log)
    : loop_(loop), children_(children), metrics_(metrics), log_(std::move(log)) {}

TelemetryProcess::~TelemetryProcess() {
  if (pipe_) loop_.remove(pipe_.get());
  if (pid_ <= 0) return;
  children_.forget(pid_);
  signal_group(pid_, SIGKILL);
}

void TelemetryProcess::start(TelemetryCommand command) {
  command_ = std::move(command);
  if (const auto launched = launch(); !launched)
    return log_.warning("Spans are not exported", {{"reason", launched.error().message}});
  is_on_ = true;
}

Result<void> TelemetryProcess::launch() {
  int input[2];
  int output[2];
  if (::pipe2(input, O_CLOEXEC) != 0) return errno_error("cannot make a pipe", errno);
  UniqueFd theirs(input[0]);
  UniqueFd ours(input[1]);
  if (::pipe2(output, O_CLOEXEC) != 0) return errno_error("cannot make a pipe", errno);
  UniqueFd answers(output[0]);
  UniqueFd said(output[1]);
  TRY_VOID(set_nonblocking(ours.get()));
  TRY(pid_, start_process({.argv = {command_.program},
                           .env = command_.env,
                           .fds = {{theirs.get(), 0}, {said.get(), 1}},
                           .dies_with_parent = true,
                           .no_new_privileges = true}));
  children_.watch(pid_, [this](ExitStatus) { ended(); });
  reader_ = std::make_unique<LineReader>(loop_, std::move(answers), kMaxTelemetryLineBytes,
                                         [this](std::string_view line) { take_line(line); });
  TRY_VOID(reader_->start());
  pipe_ = std::move(ours);
  TRY_VOID(loop_.add(pipe_.get(), *this, EPOLLOUT | EPOLLET));
  queue_ = R"({"resource":)" + command_.resource + "}\n";
  queued_spans_ = 0;
  hand_over();
  return {};
}

void TelemetryProcess::send(std::string_view span_json) {
  if (!is_on_ || !pipe_ || queue_.size() + span_json.size() + 1 > kMaxQueuedSpanBytes)
    return metrics_.span_dropped();
  queue_.append(span_json).append("\n");
  ++queued_spans_;
  if (queue_.size() >= kSpanHandOverBytes)
    hand_over();
  else if (!hand_over_timer_.is_set())
    hand_over_timer_ = loop_.after(kSpanHandOverPause, [this] { hand_over(); });
}

void TelemetryProcess::on_ready(std::uint32_t) { hand_over(); }

void TelemetryProcess::hand_over() {
  hand_over_timer_.cancel();
  while (pipe_ && !queue_.empty()) {
    const ssize_t taken = ::write(pipe_.get(), queue_.data(), queue_.size());
    if (taken < 0 && errno == EINTR) continue;
    if (taken < 0 && errno == EAGAIN) return;  // on_ready goes on
    if (taken < 0) return;                     // it has ended; ended() follows
    const auto left = static_cast<std::size_t>(taken);
    queued_spans_ -= std::min<std::size_t>(
        queued_spans_,
        static_cast<std::size_t>(std::count(queue_.begin(), queue_.begin() + taken, '\n')));
    queue_.erase(0, left);
  }
  // The end of its input tells it to send what it has.
  if (on_done_ && pipe_ && queue_.empty()) {
    loop_.remove(pipe_.get());
    pipe_.reset();
  }
}

void TelemetryProcess::drop_queue() {
  for (; queued_spans_ > 0; --queued_spans_) metrics_.span_dropped();
  queue_.clear();
}

void TelemetryProcess::take_line(std::string_view text) {
  const auto line = nlohmann::json::parse(text, nullptr, false);
  if (!line.is_object()) return;
  const auto number = [&line](const char* key) {
    const auto found = line.find(key);
    return found != line.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
  };
  metrics_.spans_sent(number("sent"));
  const std::uint64_t failed = number("failed");
  metrics_.spans_failed(failed);
  const Instant now = loop_.clock().now();
  if (failed == 0 || (has_warned_ && now - warned_at_ < kExportWarningPause)) return;
  has_warned_ = true;
  warned_at_ = now;
  const auto reason = line.find("reason");
  const bool has_reason = reason != line.end() && reason->is_string();
  log_.warning("Spans could not be exported",
               {{"spans", failed}, {"reason", has_reason ? reason->get<std::string>() : ""}});
}

void TelemetryProcess::close(std::function<void()> on_done) {
  restart_timer_.cancel();
  is_on_ = false;
  if (pid_ <= 0) return on_done();
  on_done_ = std::move(on_done);
  kill_timer_ = loop_.after(kTelemetryFlushGrace, [this] { signal_group(pid_, SIGKILL); });
  hand_over();
}

void TelemetryProcess::ended() {
  pid_ = 0;
  kill_timer_.cancel();
  hand_over_timer_.cancel();
  reader_->read_rest();
  if (pipe_) loop_.remove(pipe_.get());
  pipe_.reset();
  drop_queue();
  if (on_done_) return std::exchange(on_done_, nullptr)();
  if (!is_on_) return;
  log_.warning("par-telemetry ended", {{"restarts", restarts_}});
  if (restarts_++ >= kMaxTelemetryRestarts) {
    is_on_ = false;
    return;
  }
  restart_timer_ = loop_.after(kTelemetryRestartPause, [this] {
    if (const auto launched = launch(); !launched)
      log_.warning("Spans are not exported", {{"reason", launched.error().message}});
  });
}

}  // namespace pixell::par
