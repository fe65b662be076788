#include "par/surface/ui_serving.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include "net/reply.hpp"
#include "par/limits.hpp"
#include "par/surface/file_request.hpp"

namespace pixell::par {

namespace {

using Shared = std::shared_ptr<const UiRepresentation>;
using Handler = std::unique_ptr<net::StreamHandler>;

// Sends a part of an open file as fast as the client reads.
class FileSender final : public net::StreamHandler {
 public:
  FileSender(net::ServerStream& stream, Shared file, const FileAnswer& part)
      : stream_(stream), file_(std::move(file)), at_(part.first), end_(part.first + part.size) {}

  void send() {
    if (!is_copying_) {
      const ssize_t sent =
          stream_.send_file(file_->fd.get(), at_, static_cast<std::size_t>(end_ - at_));
      if (sent == 0) return cut();
      if (sent > 0) at_ += sent;
      if (at_ == end_) return finish();
      if (sent > 0 || errno == EAGAIN) return;
      is_copying_ = true;
    }
    copy();
  }

  void on_data(std::string_view) override {}
  void on_end(const net::Headers&) override {}
  void on_writable() override {
    if (!is_over_) send();
  }
  void on_abort(net::AbortReason) override { is_over_ = true; }

 private:
  void copy() {
    // Not the loop's scratch: the connection may be reading from it what made us send.
    std::array<char, kFileCopyBytes> piece;
    while (at_ < end_) {
      const auto most = std::min(std::int64_t(piece.size()), end_ - at_);
      const ssize_t got = ::pread(file_->fd.get(), piece.data(), static_cast<std::size_t>(most),
                                  static_cast<off_t>(at_));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return cut();
      at_ += got;
      if (!stream_.send_data({piece.data(), static_cast<std::size_t>(got)}) && at_ < end_) return;
    }
    finish();
  }
  void finish() {
    is_over_ = true;
    stream_.finish();
  }
  // The file became shorter than what was promised: only a cut tells the client.
  void cut() {
    is_over_ = true;
    stream_.reset(net::ResetCode::InternalError);
  }

  net::ServerStream& stream_;
  const Shared file_;
  std::int64_t at_;
  const std::int64_t end_;
  bool is_copying_ = false;  // the stream does not take files
  bool is_over_ = false;
};

// The form for this client, which keeps the whole file alive.
Shared representation_for(const FileRequest& request, std::shared_ptr<const UiFile> file) {
  const UiRepresentation* chosen = &file->plain;
  if (!file->encoded.empty() && request.accept_encoding) {
    std::array<ContentCoding, kFileCodings.size()> available{};
    std::ranges::transform(file->encoded, available.begin(), &UiRepresentation::coding);
    const ContentCoding liked = preferred_coding(*request.accept_encoding,
                                                 std::span(available).first(file->encoded.size()));
    for (const UiRepresentation& each : file->encoded)
      if (each.coding == liked) chosen = &each;
  }
  return {std::move(file), chosen};
}

// 412 and 416: what of the file's own head is true of it still.
void refuse(net::ServerStream& stream, const UiRepresentation& file, int status) {
  net::Headers headers;
  headers.add("etag", file.etag);
  if (const auto vary = file.found.headers.get("vary")) headers.add("vary", *vary);
  if (status == 412)
    return net::send_problem(stream, status, "the file is not in the state that was asked for",
                             headers);
  headers.add("accept-ranges", "bytes");
  headers.add("content-range", fmt::format("bytes */{}", file.size));
  net::send_problem(
      stream, status,
      fmt::format("the range begins behind the end of the file of {} bytes", file.size), headers);
}

net::ResponseHead partial_head(const UiRepresentation& file, const FileAnswer& part) {
  net::ResponseHead head = file.found;
  head.status = part.status;
  head.headers.set("content-length", fmt::to_string(part.size));
  head.headers.add("content-range", fmt::format("bytes {}-{}/{}", part.first,
                                                part.first + part.size - 1, file.size));
  return head;
}

// The body behind the head that was sent.
Handler send_body(net::ServerStream& stream, Shared file, const FileAnswer& part) {
  if (file->is_large()) {
    auto sender = std::make_unique<FileSender>(stream, std::move(file), part);
    sender->send();
    return sender;
  }
  stream.send_data(
      std::string_view(file->content)
          .substr(static_cast<std::size_t>(part.first), static_cast<std::size_t>(part.size)));
  stream.finish();
  return net::ignore_body();
}

}  // namespace

Handler serve_ui_file(net::EventLoop& loop, net::ServerStream& stream,
                      std::shared_ptr<const UiFile> file) {
  const FileRequest request(stream.request());
  Shared form = representation_for(request, std::move(file));
  FileAnswer answer{.status = 200, .first = 0, .size = form->size};
  if (!request.is_plain)
    answer = decide_file_answer(
        request, {.etag = form->etag, .modified_s = form->modified_s(), .size = form->size},
        loop.clock().unix_now() / 1000);
  switch (answer.status) {
    case 200: {
      const bool ends = request.is_head || form->size == 0;
      stream.send_head(form->found, ends);
      return ends ? net::ignore_body() : send_body(stream, std::move(form), answer);
    }
    case 206:
      stream.send_head(partial_head(*form, answer), false);
      return send_body(stream, std::move(form), answer);
    case 304:
      stream.send_head(form->unchanged, true);
      return net::ignore_body();
    default:
      refuse(stream, *form, answer.status);
      return net::ignore_body();
  }
}

}  // namespace pixell::par
