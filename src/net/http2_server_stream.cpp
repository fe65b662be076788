#include "net/http2_server_stream.hpp"

#include <array>
#include <charconv>
#include <utility>

#include "net/http1_parser.hpp"
#include "net/http2_io.hpp"
#include "net/limits.hpp"
#include "net/reply.hpp"

namespace pixell::net {
namespace {

std::string_view status_text(int status, std::array<char, 12>& room) {
  const auto end = std::to_chars(room.data(), room.data() + room.size(), status).ptr;
  return {room.data(), static_cast<std::size_t>(end - room.data())};
}

}  // namespace

void Http2ServerStream::take_pseudo_field(std::string_view name, std::string_view value) {
  if (name == ":method") request_.method = value;
  if (name == ":scheme") request_.scheme = value;
  if (name == ":authority") request_.authority = value;
  if (name == ":path") {
    if (value.size() > kMaxTargetBytes) {
      is_target_over_limit_ = true;
    } else {
      request_.target = value;
    }
  }
}

void Http2ServerStream::take_field(std::string_view name, std::string_view value) {
  if (is_over_limit_) return;
  if (!is_served_ && name.starts_with(':')) {
    take_pseudo_field(name, value);
  } else if (!is_served_ && name == "host") {
    if (request_.authority.empty()) request_.authority = value;
  } else if (!is_served_ && name == "cookie") {
    // Split for better compression; one field again outside HTTP/2 (RFC 9113 8.2.3).
    if (!cookies_.empty()) cookies_ += "; ";
    cookies_ += value;
    if (cookies_.size() > kMaxHeadBytes) is_over_limit_ = true;
  } else if (!collect(name, value)) {
    is_over_limit_ = true;
  }
}

int Http2ServerStream::refusal() const {
  if (is_over_limit_) return 431;
  if (is_target_over_limit_) return 414;
  if (request_.method == "CONNECT") return 501;
  if (request_.target != "*" && !request_.target.starts_with('/')) return 400;
  // nghttp2 lets pass what HTTP/1 could not say to the upstream.
  if (!is_target(request_.target) || !is_authority(request_.authority)) return 400;
  return 0;
}

void Http2ServerStream::serve(Service& service, bool ends) {
  is_served_ = true;
  is_announced_ = true;
  if (peer_.is_encrypted) request_.scheme = "https";
  request_.headers = take_block();
  if (!cookies_.empty()) request_.headers.add("cookie", cookies_);
  if (const int status = refusal()) {
    send_problem(*this, status, reason_phrase(status));
    if (!ends) cut(ResetCode::NoError);
    return;
  }
  is_continue_owed_ = !ends && request_.headers.has_token("expect", "100-continue");
  handler_ = service.on_request(*this);
  if (handler_ != nullptr) set_handler(handler_.get());
  if (!is_paused()) send_continue();
}

void Http2ServerStream::refuse_body() {
  tell_abort(AbortReason::Timeout);
  send_problem(*this, 408, "the request body took too long");
  cut(ResetCode::NoError);
}

void Http2ServerStream::resume() {
  set_paused(false);
  send_continue();
}

void Http2ServerStream::send_continue() {
  if (!std::exchange(is_continue_owed_, false)) return;
  if (!is_head_sent_) send_informational({.status = 100, .headers = {}});
}

void Http2ServerStream::send_informational(const ResponseHead& head) {
  if (!is_live() || is_head_sent_) return;
  std::array<char, 12> room;
  FieldBlock block;
  add_field(block, ":status", status_text(head.status, room));
  add_fields(block, head.headers);
  nghttp2_submit_headers(io().session(), NGHTTP2_FLAG_NONE, id(), nullptr, block.data(),
                         block.size(), nullptr);
  io().schedule_flush();
}

void Http2ServerStream::send_head(const ResponseHead& head, bool ends) {
  if (!is_live() || is_head_sent_) return;
  is_head_sent_ = true;
  is_continue_owed_ = false;
  answer_ = head;
  if (answer_.status < 200) answer_.status = 502;  // HTTP/2 has no 101 (RFC 9113 8.6)
  answer_has_no_body_ = request_.method == "HEAD" || head.status == 204 || head.status == 304;
  queue_head();
  if (ends) queue_end({});
}

void Http2ServerStream::submit_head() {
  std::array<char, 12> room;
  FieldBlock block;
  block.reserve(answer_.headers.size() + 1);
  add_field(block, ":status", status_text(answer_.status, room));
  add_fields(block, answer_.headers);
  const nghttp2_data_provider body = body_source();
  const int failed = nghttp2_submit_response(io().session(), id(), block.data(), block.size(),
                                             has_no_body() ? nullptr : &body);
  answer_ = {};
  if (failed != 0) cut(ResetCode::InternalError);
}

}  // namespace pixell::net
