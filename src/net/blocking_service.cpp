#include "net/blocking_service.hpp"

#include <condition_variable>
#include <mutex>
#include <utility>

#include "net/event_loop.hpp"
#include "net/limits.hpp"
#include "net/reply.hpp"

namespace pixell::net {
namespace {

/// What the loop thread and the pool thread share of one request. Kept by the stream's handler, the
/// pool job and the posted jobs, whichever lasts longest.
class BlockingExchange final : public BodyReader,
                               public ReplyWriter,
                               public std::enable_shared_from_this<BlockingExchange> {
 public:
  BlockingExchange(EventLoop& loop, ServerStream& stream)
      : loop_(loop), head_(stream.request()), stream_(&stream) {}

  const RequestHead& head() const { return head_; }
  /// On the pool thread: runs the handler and ends what it left open.
  void run(const BlockingHandler& handler);

  // BodyReader, ReplyWriter: the pool thread.
  Result<std::string> read(Millis timeout) override;
  void reply(const ResponseHead& head, std::string body) override;
  void start(const ResponseHead& head) override;
  Result<void> write(std::string bytes) override;
  void finish() override;
  bool client_gone() const override {
    const std::lock_guard lock(mutex_);
    return is_gone_;
  }

  // What the stream says: the loop thread.
  void body_came(std::string_view bytes);
  void body_ended();
  void stream_writable();
  void stream_gone();

 private:
  template <class Job>
  void on_loop(Job job) {
    loop_.post([self = shared_from_this(), job = std::move(job)]() mutable {
      if (self->stream_ != nullptr) job(*self, *self->stream_);
    });
  }
  void stop_reading();
  void reply_ended();
  void let_stream_go();

  EventLoop& loop_;
  const RequestHead head_;

  // Loop thread only.
  ServerStream* stream_;  // null once the exchange is over
  bool is_body_ended_ = false;
  bool is_reply_ended_ = false;

  // Pool thread only.
  bool is_started_ = false;
  bool is_finished_ = false;

  mutable std::mutex mutex_;  // guards everything below
  std::condition_variable changed_;
  std::string body_;
  bool is_end_here_ = false;
  bool is_held_ = false;      // the stream is paused
  bool is_unwanted_ = false;  // nobody reads the body any more
  bool is_gone_ = false;
  bool is_blocked_ = false;       // send_data said false
  std::size_t unsent_bytes_ = 0;  // posted, not yet given to the stream
};

void BlockingExchange::run(const BlockingHandler& handler) {
  handler(head_, *this, *this);
  if (!is_started_) {
    on_loop([](BlockingExchange& self, ServerStream& stream) {
      send_problem(stream, 500, "the request was not answered");
      self.reply_ended();
    });
  } else if (!is_finished_) {
    // An answer that breaks off must not look complete.
    on_loop([](BlockingExchange& self, ServerStream& stream) {
      self.stream_gone();
      stream.reset(ResetCode::InternalError);
    });
  }
  stop_reading();
}

Result<std::string> BlockingExchange::read(Millis timeout) {
  std::unique_lock lock(mutex_);
  const bool came = changed_.wait_for(
      lock, timeout, [this] { return !body_.empty() || is_end_here_ || is_gone_; });
  if (is_gone_) return make_error(ErrorCode::Cancelled, "the client went away");
  if (!came) return make_error(ErrorCode::DeadlineExceeded, "the request body did not arrive");
  std::string bytes = std::exchange(body_, {});
  if (std::exchange(is_held_, false))
    on_loop([](BlockingExchange&, ServerStream& stream) { stream.resume(); });
  return bytes;
}

void BlockingExchange::stop_reading() {
  const std::lock_guard lock(mutex_);
  is_unwanted_ = true;
  body_ = {};
  if (std::exchange(is_held_, false))
    on_loop([](BlockingExchange&, ServerStream& stream) { stream.resume(); });
}

void BlockingExchange::reply(const ResponseHead& head, std::string body) {
  if (std::exchange(is_started_, true)) return;
  is_finished_ = true;
  on_loop([head, body = std::move(body)](BlockingExchange& self, ServerStream& stream) {
    ResponseHead sent = head;
    sent.headers.set("content-length", std::to_string(body.size()));
    const bool ends = body.empty() || stream.request().method == "HEAD";
    stream.send_head(sent, ends);
    if (!ends) {
      stream.send_data(body);
      stream.finish();
    }
    self.reply_ended();
  });
}

void BlockingExchange::start(const ResponseHead& head) {
  if (std::exchange(is_started_, true)) return;
  on_loop([head](BlockingExchange&, ServerStream& stream) { stream.send_head(head, false); });
}

Result<void> BlockingExchange::write(std::string bytes) {
  if (!is_started_ || is_finished_)
    return make_error(ErrorCode::FailedPrecondition, "write() goes between start() and finish()");
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock,
                  [this] { return is_gone_ || (!is_blocked_ && unsent_bytes_ < kSendHighWater); });
    if (is_gone_) return make_error(ErrorCode::Cancelled, "the client went away");
    unsent_bytes_ += bytes.size();
  }
  on_loop([bytes = std::move(bytes)](BlockingExchange& self, ServerStream& stream) {
    const bool takes_more = stream.send_data(bytes);
    const std::lock_guard lock(self.mutex_);
    self.unsent_bytes_ -= bytes.size();
    if (!takes_more) self.is_blocked_ = true;
    self.changed_.notify_all();
  });
  return {};
}

void BlockingExchange::finish() {
  if (!is_started_ || std::exchange(is_finished_, true)) return;
  on_loop([](BlockingExchange& self, ServerStream& stream) {
    stream.finish();
    self.reply_ended();
  });
}

void BlockingExchange::body_came(std::string_view bytes) {
  bool is_full = false;
  {
    const std::lock_guard lock(mutex_);
    if (is_unwanted_) return;
    body_.append(bytes);
    is_full = body_.size() >= kBlockingBodyBytes && !std::exchange(is_held_, true);
  }
  changed_.notify_all();
  if (is_full && stream_ != nullptr) stream_->pause();
}

void BlockingExchange::body_ended() {
  {
    const std::lock_guard lock(mutex_);
    is_end_here_ = true;
  }
  changed_.notify_all();
  is_body_ended_ = true;
  let_stream_go();
}

void BlockingExchange::stream_writable() {
  const std::lock_guard lock(mutex_);
  is_blocked_ = false;
  changed_.notify_all();
}

void BlockingExchange::stream_gone() {
  stream_ = nullptr;
  const std::lock_guard lock(mutex_);
  is_gone_ = true;
  changed_.notify_all();
}

void BlockingExchange::reply_ended() {
  is_reply_ended_ = true;
  let_stream_go();
}

void BlockingExchange::let_stream_go() {
  if (is_body_ended_ && is_reply_ended_) stream_ = nullptr;
}

/// The stream's side: passes on what comes.
class BlockingStreamHandler final : public StreamHandler {
 public:
  explicit BlockingStreamHandler(std::shared_ptr<BlockingExchange> exchange)
      : exchange_(std::move(exchange)) {}
  // The stream is freed: also when its loop ends, without another word.
  ~BlockingStreamHandler() override { exchange_->stream_gone(); }

  void on_data(std::string_view bytes) override { exchange_->body_came(bytes); }
  void on_end(const Headers&) override { exchange_->body_ended(); }
  void on_writable() override { exchange_->stream_writable(); }
  void on_abort(AbortReason) override { exchange_->stream_gone(); }

 private:
  // Shared with the pool job, which may outlive the stream.
  std::shared_ptr<BlockingExchange> exchange_;
};

class BlockingService final : public Service {
 public:
  BlockingService(EventLoop& loop, ThreadPool& pool, BlockingHandler handler)
      : loop_(loop),
        pool_(pool),
        handler_(std::make_shared<const BlockingHandler>(std::move(handler))) {}

  std::unique_ptr<StreamHandler> on_request(ServerStream& stream) override {
    auto exchange = std::make_shared<BlockingExchange>(loop_, stream);
    const Result<void> taken =
        pool_.submit([exchange, handler = handler_] { exchange->run(*handler); });
    if (taken) return std::make_unique<BlockingStreamHandler>(std::move(exchange));
    Headers more;
    more.add("retry-after", "1");
    send_problem(stream, 503, taken.error().message, more);
    return ignore_body();
  }

 private:
  EventLoop& loop_;
  ThreadPool& pool_;
  // Shared with the jobs, which may outlive the service.
  std::shared_ptr<const BlockingHandler> handler_;
};

}  // namespace

Result<std::string> BodyReader::read_all(std::size_t max_bytes, Millis timeout) {
  std::string all;
  while (true) {
    TRY(std::string piece, read(timeout));
    if (piece.empty()) return all;
    if (piece.size() > max_bytes - all.size())
      return make_error(ErrorCode::ResourceExhausted, "the request body is over the limit of " +
                                                          std::to_string(max_bytes) + " bytes");
    all += piece;
  }
}

std::unique_ptr<Service> make_blocking_service(EventLoop& loop, ThreadPool& pool,
                                               BlockingHandler handler) {
  return std::make_unique<BlockingService>(loop, pool, std::move(handler));
}

}  // namespace pixell::net
