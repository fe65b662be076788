#include "edge/mirror.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "edge/limits.hpp"
#include "net/grpc.hpp"

namespace pixell::edge {

namespace {

void count(MirrorTally::Count& counter, std::int64_t more = 1) {
  counter.fetch_add(more, std::memory_order_relaxed);
}

std::int64_t micros(std::chrono::nanoseconds time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

double millis(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

}  // namespace

void MirrorCopy::request_data(std::string_view bytes) {
  if (state_ != State::Collecting) return;
  if (static_cast<std::int64_t>(body_.size() + bytes.size()) > plan_.max_body_bytes)
    drop();
  else
    body_ += bytes;
}

void MirrorCopy::request_end(const net::Headers& trailers) {
  if (state_ != State::Collecting) return;
  state_ = State::Waiting;
  trailers_ = trailers;
  // Not from inside the original's callback: it goes first.
  timer_ = owner_.loop_.after(Millis(0), [this] { send(); });
}

void MirrorCopy::reply_head(const net::ResponseHead& head) {
  original_.take_head(head, owner_.loop_.clock().now() - plan_.started);
  // A client that is answered before it has said all is in a dialogue, which has no copy.
  if (state_ == State::Collecting) drop();
}

void MirrorCopy::original_over(bool is_whole, int grpc_status) {
  is_original_over_ = true;
  if (state_ == State::Over) return;
  if (is_whole) original_.end(grpc_status);
  if (!is_whole || state_ == State::Collecting)
    drop();
  else if (state_ == State::Answered)
    compare();
}

void MirrorCopy::send() {
  state_ = State::Sent;
  sent_ = owner_.loop_.clock().now();
  count(plan_.tally->mirrored);
  timer_ = owner_.loop_.after(kMirrorTimeout, [this] { on_deadline(); });
  plan_.head.headers.set("x-pixell-mirror", "1");
  stream_ = &owner_.client_.open(plan_.target, plan_.protocol, plan_.head, *this);
  // At most kMaxMirroredBody waits in the stream.
  if (!body_.empty()) stream_->send_data(body_);
  stream_->finish(trailers_);
  std::string().swap(body_);
}

void MirrorCopy::on_head(net::ResponseHead& head) {
  mirror_.take_head(head, owner_.loop_.clock().now() - sent_);
}

void MirrorCopy::on_data(std::string_view bytes) {
  mirror_.take_data(bytes);
  if (mirror_.bytes() <= kMaxMirrorReplyBytes) return;
  std::exchange(stream_, nullptr)->reset(net::ResetCode::Cancel);
  answered();
}

void MirrorCopy::on_end(const net::Headers& trailers) {
  stream_ = nullptr;
  mirror_.end(net::grpc_status_of(trailers));
  answered();
}

void MirrorCopy::on_abort(net::AbortReason) {
  stream_ = nullptr;
  fail();
}

void MirrorCopy::answered() {
  state_ = State::Answered;
  if (is_original_over_) compare();
}

void MirrorCopy::compare() {
  MirrorTally& tally = *plan_.tally;
  switch (original_.compare(mirror_)) {
    case ReplyDigest::Difference::None:
      count(tally.same);
      break;
    case ReplyDigest::Difference::Status:
      count(tally.differs_status);
      log_difference("status");
      break;
    case ReplyDigest::Difference::Body:
      count(tally.differs_body);
      log_difference("body");
      break;
  }
  count(tally.original_head_us, micros(original_.head_after()));
  count(tally.mirror_head_us, micros(mirror_.head_after()));
  over();
}

void MirrorCopy::log_difference(const char* what) {
  if (!owner_.may_log(owner_.loop_.clock().now())) return;
  owner_.log_.info("Mirror answers differently",
                   {{"agentAppId", plan_.app_id},
                    {"revision", plan_.original_revision},
                    {"mirror_revision", plan_.tally->revision},
                    {"differs", what},
                    {"method", plan_.head.method},
                    {"path", plan_.head.path()},
                    {"request_id", plan_.request_id},
                    {"status", original_.status()},
                    {"mirror_status", mirror_.status()},
                    {"content_type", original_.content_type()},
                    {"mirror_content_type", mirror_.content_type()},
                    {"bytes", original_.bytes()},
                    {"mirror_bytes", mirror_.bytes()},
                    {"head_ms", millis(original_.head_after())},
                    {"mirror_head_ms", millis(mirror_.head_after())}});
}

void MirrorCopy::drop() {
  count(plan_.tally->dropped);
  over();
}

void MirrorCopy::fail() {
  count(plan_.tally->failed);
  over();
}

// Streams that both go on for longer are compared as far as they came.
void MirrorCopy::on_deadline() {
  if (!is_original_over_ && original_.status() != 0 && mirror_.status() != 0)
    compare();
  else if (state_ == State::Answered)
    drop();
  else
    fail();
}

// We may be in a callback of ours: the owner frees us at the end of the loop's turn.
void MirrorCopy::over() {
  state_ = State::Over;
  timer_.cancel();
  std::string().swap(body_);
  if (net::ClientStream* stream = std::exchange(stream_, nullptr))
    stream->reset(net::ResetCode::Cancel);
  owner_.forget(*this);
}

Mirrors::Mirrors(net::EventLoop& loop, net::HttpClient& client, Log log)
    : loop_(loop), client_(client), log_(std::move(log)) {}

Mirrors::~Mirrors() {
  while (!copies_.empty()) copies_.back()->drop();
}

bool Mirrors::picks(const model::Mirror& mirror, const net::RequestHead& request,
                    std::uint64_t dice) {
  return mirror.revision != 0 && dice % 1000 < static_cast<std::uint64_t>(mirror.permille) &&
         !request.is_upgrade();
}

std::shared_ptr<MirrorCopy> Mirrors::begin(MirrorPlan plan) {
  const std::string_view length = plan.head.headers.get("content-length").value_or("0");
  std::int64_t bytes = 0;
  std::from_chars(length.data(), length.data() + length.size(), bytes);
  if (copies_.size() >= kMaxMirrorsPerLoop || bytes > plan.max_body_bytes) {
    count(plan.tally->dropped);
    return nullptr;
  }
  return copies_.emplace_back(std::make_shared<MirrorCopy>(*this, std::move(plan)));
}

void Mirrors::forget(const MirrorCopy& copy) {
  const auto found =
      std::ranges::find_if(copies_, [&copy](const auto& kept) { return kept.get() == &copy; });
  loop_.delete_later(std::shared_ptr<void>(std::move(*found)));
  *found = std::move(copies_.back());
  copies_.pop_back();
}

bool Mirrors::may_log(Instant now) {
  if (now < next_log_) return false;
  next_log_ = now + kMirrorLogPause;
  return true;
}

}  // namespace pixell::edge
