#include "net/http2_stream.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "net/http2_io.hpp"
#include "net/limits.hpp"

namespace pixell::net {
namespace {

// An emptied queue keeps a buffer up to this size; more is given back.
constexpr std::size_t kKeptQueueBytes = 16 * 1024;

// Heads with no more than this do not make their buffers grow.
constexpr std::size_t kUsualFields = 12;
constexpr std::size_t kUsualHeadBytes = 480;

// RFC 9113 10.5.1 and SETTINGS_MAX_HEADER_LIST_SIZE count 32 bytes for each field.
constexpr std::size_t kFieldOverhead = 32;

ssize_t read_callback(nghttp2_session*, std::int32_t, std::uint8_t* to, std::size_t room,
                      std::uint32_t* flags, nghttp2_data_source* source, void*) {
  return static_cast<Http2Stream*>(source->ptr)->read_body(to, room, *flags);
}

std::uint8_t* bytes_of(std::string_view text) {
  // nghttp2_nv has non-const pointers but only reads.
  return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
}

}  // namespace

void ByteQueue::append(std::string_view bytes) {
  if (taken_ > 0 && taken_ >= bytes_.size() / 2) {
    bytes_.erase(0, taken_);
    taken_ = 0;
  }
  bytes_.append(bytes);
}

void ByteQueue::pop(std::size_t count) {
  taken_ += count;
  if (taken_ == bytes_.size()) clear();
}

void ByteQueue::clear() {
  taken_ = 0;
  if (bytes_.capacity() > kKeptQueueBytes) {
    PieceString().swap(bytes_);
  } else {
    bytes_.clear();
  }
}

bool is_forbidden_in_http2(std::string_view name, std::string_view value) {
  if (name.empty() || name[0] == ':') return true;
  switch (name.size()) {
    case 2:
      return equal_names(name, "te") && !equal_names(value, "trailers");
    case 4:
      return equal_names(name, "host");
    case 14:
      return equal_names(name, "http2-settings");
    default:
      return is_hop_by_hop(name);
  }
}

void add_field(FieldBlock& block, std::string_view name, std::string_view value) {
  // What is another one in each request would only push from the table what comes again.
  const bool is_new_each_time =
      equal_names(name, "x-request-id") || equal_names(name, "traceparent");
  const auto flags =
      std::uint8_t(is_new_each_time ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE);
  block.push_back({bytes_of(name), bytes_of(value), name.size(), value.size(), flags});
}

void add_fields(FieldBlock& block, const Headers& headers) {
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const Headers::Field field = headers[i];
    if (!is_forbidden_in_http2(field.name, field.value)) add_field(block, field.name, field.value);
  }
}

nghttp2_data_provider Http2Stream::body_source() {
  nghttp2_data_provider provider{};
  provider.source.ptr = this;
  provider.read_callback = read_callback;
  return provider;
}

void Http2Stream::queue_head() {
  if (io_ == nullptr || is_cut_) return;
  is_head_waiting_ = true;
  io_->queue_head(*this);
}

void Http2Stream::submit_waiting_head() {
  if (io_ == nullptr || !std::exchange(is_head_waiting_, false)) return;
  submit_head();
}

bool Http2Stream::queue_data(std::string_view bytes) {
  if (io_ == nullptr || is_cut_ || is_finished_) return true;
  if (!bytes.empty()) {
    queue_.append(bytes);
    io_->count_queued(static_cast<std::ptrdiff_t>(bytes.size()));
    wake();
  }
  if (queue_.size() > kSendHighWater || (io_->is_crowded() && !queue_.empty())) is_full_ = true;
  return !is_full_;
}

void Http2Stream::queue_end(const Headers& trailers) {
  if (io_ == nullptr || is_cut_ || is_finished_) return;
  is_finished_ = true;
  trailers_ = trailers;
  wake();
  detach_when_over();
}

void Http2Stream::wake() {
  if (std::exchange(is_deferred_, false)) nghttp2_session_resume_data(io_->session(), id_);
  io_->schedule_flush();
}

ssize_t Http2Stream::read_body(std::uint8_t* to, std::size_t room, std::uint32_t& flags) {
  if (is_cut_ && !cut_when_sent_) return NGHTTP2_ERR_DEFERRED;  // RST_STREAM is on its way
  const std::size_t count = std::min(room, queue_.size());
  if (count > 0) {
    std::memcpy(to, queue_.front().data(), count);
    queue_.pop(count);
    sent_ += count;
    if (io_ != nullptr) io_->count_queued(-static_cast<std::ptrdiff_t>(count));
    if (is_full_ && queue_.size() <= kSendLowWater) {
      is_full_ = false;
      if (!is_finished_ && io_ != nullptr) io_->note_writable(*this);
    }
  }
  if (is_finished_ && queue_.empty()) {
    flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!trailers_.empty() && io_ != nullptr) {
      flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      FieldBlock block;
      block.reserve(trailers_.size());
      add_fields(block, trailers_);
      const int failed = nghttp2_submit_trailer(io_->session(), id_, block.data(), block.size());
      if (failed != 0) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return static_cast<ssize_t>(count);
  }
  if (count == 0) {
    is_deferred_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  return static_cast<ssize_t>(count);
}

void Http2Stream::data_received(std::string_view bytes) {
  held_ += bytes.size();
  received_ += bytes.size();
  if (handler_ != nullptr) {
    handler_->on_data(bytes);
  } else {
    is_paused_ = false;  // nobody is left who could resume
    drained_ += bytes.size();
  }
  if (!is_paused_ && drained_ <= kMaxDrainBytes) consume_held();
}

void Http2Stream::consume_held() {
  if (io_ == nullptr || held_ == 0) return;
  nghttp2_session_consume_stream(io_->session(), id_, std::exchange(held_, 0));
  io_->schedule_flush();
}

void Http2Stream::end_received(const Headers& trailers) {
  if (std::exchange(is_end_received_, true)) return;
  StreamHandler* handler = handler_;
  detach_when_over();
  if (handler != nullptr) handler->on_end(trailers);
}

void Http2Stream::end_sent() {
  is_end_sent_ = true;
  if (!cut_when_sent_ || is_end_received_ || io_ == nullptr) return;
  // A reset at once makes some clients (curl) forget the answer they have just read. They get the
  // time to end by themselves, and room for the rest of a small body.
  linger_ = io_->loop().after(kDrainTimeout, [this] {
    if (io_ == nullptr) return;
    nghttp2_submit_rst_stream(io_->session(), NGHTTP2_FLAG_NONE, id_, NGHTTP2_NO_ERROR);
    io_->schedule_flush();
  });
}

void Http2Stream::detach_when_over() {
  if (is_finished_ && is_end_received_) handler_ = nullptr;
}

void Http2Stream::tell_writable() {
  if (handler_ != nullptr && !is_finished_) handler_->on_writable();
}

void Http2Stream::disconnect() {
  if (io_ != nullptr) io_->count_queued(-static_cast<std::ptrdiff_t>(queue_.size()));
  io_ = nullptr;
}

void Http2Stream::clear_queue() {
  if (io_ != nullptr) io_->count_queued(-static_cast<std::ptrdiff_t>(queue_.size()));
  queue_.clear();
}

void Http2Stream::tell_abort(AbortReason reason) {
  clear_queue();
  if (StreamHandler* handler = std::exchange(handler_, nullptr)) handler->on_abort(reason);
}

void Http2Stream::fail(AbortReason reason, ResetCode code) {
  StreamHandler* handler = handler_;
  cut(code);
  if (handler != nullptr) handler->on_abort(reason);
}

void Http2Stream::set_handler(StreamHandler* handler) {
  if (is_cut_) return;
  handler_ = handler;
  if (io_ == nullptr) tell_abort(AbortReason::Shutdown);
}

void Http2Stream::set_paused(bool is_paused) {
  is_paused_ = is_paused;
  if (!is_paused_) consume_held();
}

void Http2Stream::cut(ResetCode code) {
  handler_ = nullptr;
  is_paused_ = false;
  if (io_ == nullptr || is_cut_) return;
  is_cut_ = true;
  // A complete answer is not lost by telling the client to stop its upload (RFC 9113 8.1).
  if (code == ResetCode::NoError && is_finished_) {
    cut_when_sent_ = true;
    consume_held();
    io_->schedule_flush();
    if (is_end_sent_) end_sent();
    return;
  }
  clear_queue();
  is_head_waiting_ = false;
  if (id_ < 0) {
    io_->forget(*this);
    return;
  }
  nghttp2_submit_rst_stream(io_->session(), NGHTTP2_FLAG_NONE, id_,
                            static_cast<std::uint32_t>(code));
  io_->schedule_flush();
}

bool Http2Stream::collect(std::string_view name, std::string_view value) {
  block_bytes_ += name.size() + value.size() + kFieldOverhead;
  if (block_bytes_ > kMaxHeadBytes || block_.size() >= kMaxHeaderFields) return false;
  if (block_.empty()) block_.reserve(kUsualFields, kUsualHeadBytes);
  // nghttp2 has checked both (RFC 9113 8.2.1).
  block_.add_checked(name, value);
  return true;
}

Headers Http2Stream::take_block() {
  block_bytes_ = 0;
  return std::exchange(block_, Headers());
}

}  // namespace pixell::net
