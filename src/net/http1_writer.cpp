#include "net/http1_writer.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <vector>

namespace pixell::net {

namespace {

// Connections with nothing to send hold no buffer: drained ones of up to this size wait here for
// whoever of this thread's loop sends next.
constexpr std::size_t kSpareBufferBytes = 4096;
constexpr std::size_t kMaxSpareBuffers = 64;
thread_local std::vector<std::string> spare_buffers;

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 24> text;
  const auto [end, ec] = std::to_chars(text.data(), text.data() + text.size(), number);
  out.append(text.data(), end);
}

// Leaves out what would break the head. Values come from handlers too, and one with a line end
// would be a second field or a second message.
void append_field(std::string& out, std::string_view name, std::string_view value) {
  if (!is_token(name) || !is_field_value(value)) return;
  out.append(name).append(": ").append(value).append("\r\n");
}

// Copies fields that are passed on as they stand, neighbours together.
class FieldCopier {
 public:
  explicit FieldCopier(std::string& out) : out_(out) {}
  ~FieldCopier() { flush(); }

  void copy(const Headers& fields, std::size_t i) {
    const std::string_view line = fields.line(i);
    if (line.empty()) {
      flush();
      append_field(out_, fields[i].name, fields[i].value);
    } else if (line.data() == run_.data() + run_.size()) {
      run_ = {run_.data(), run_.size() + line.size()};
    } else {
      flush();
      run_ = line;
    }
  }
  /// Appends behind what was copied.
  void copy_text(std::string_view text) {
    flush();
    out_ += text;
  }
  void copy_field(std::string_view name, std::string_view value) {
    flush();
    append_field(out_, name, value);
  }

 private:
  void flush() {
    out_.append(run_);
    run_ = {};
  }

  std::string& out_;
  std::string_view run_;
};

// Names that need a closer look when a head is written; all other fields are copied.
constexpr NameFilter names_to_look_at(std::initializer_list<std::string_view> more) {
  NameFilter names = kHopByHopNames;
  names.add(NameFilter(more));
  return names;
}
constexpr NameFilter kReplyNames = names_to_look_at({"content-length"});
constexpr NameFilter kRequestNames = names_to_look_at({"content-length", "host", "expect"});

bool is_length(std::string_view name) {
  return name.size() == 14 && equal_names(name, "content-length");
}

bool is_host_or_expect(std::string_view name) {
  return (name.size() == 4 && equal_names(name, "host")) ||
         (name.size() == 6 && equal_names(name, "expect"));
}

std::optional<std::uint64_t> parse_length(std::string_view text) {
  std::uint64_t length = 0;
  const char* end = text.data() + text.size();
  const auto [at, ec] = std::from_chars(text.data(), end, length);
  if (ec != std::errc() || at != end || text.empty()) return std::nullopt;
  return length;
}

// "<size>\r\n" of a chunk; views into `room`.
std::string_view chunk_line(std::array<char, 24>& room, std::size_t size) {
  char* end = std::to_chars(room.data(), room.data() + room.size(), size, 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  return {room.data(), end};
}

void append_chunk(std::string& out, std::string_view line, std::string_view data) {
  const std::size_t before = out.size();
  const std::size_t data_at = before + line.size();
  const std::size_t end = data_at + data.size() + 2;
  // Grown once, as chunks may be small. (gcc 12 does not say `end` to the callback when it grows.)
  out.resize_and_overwrite(end, [&](char* text, std::size_t) {
    std::memcpy(text + before, line.data(), line.size());
    std::memcpy(text + data_at, data.data(), data.size());
    std::memcpy(text + end - 2, "\r\n", 2);
    return end;
  });
}

void append_length(std::string& out, std::uint64_t length) {
  out += "Content-Length: ";
  append_number(out, length);
  out += "\r\n";
}

void append_status_line(std::string& out, int status) {
  if (status == 200) {
    out += "HTTP/1.1 200 OK\r\n";
    return;
  }
  out += "HTTP/1.1 ";
  append_number(out, std::uint64_t(std::clamp(status, 100, 999)));
  out += ' ';
  out += reason_phrase(status);
  out += "\r\n";
}

BodyFraming append_interim_head(std::string& out, const ResponseHead& head) {
  for (std::size_t i = 0; i < head.headers.size(); ++i) {
    const Headers::Field field = head.headers[i];
    const bool is_framing =
        equal_names(field.name, "content-length") || equal_names(field.name, "transfer-encoding");
    // 101 names its protocol in Upgrade; the other interim answers have no use for such fields.
    if (is_framing || (head.status != 101 && is_hop_by_hop(field.name))) continue;
    append_field(out, field.name, field.value);
  }
  out += "\r\n";
  return {head.status == 101 ? BodyKind::UntilClose : BodyKind::None, 0};
}

}  // namespace

void SocketWriter::drop_sent(std::size_t n) {
  total_sent_ += n;
  sent_ += n;
  if (sent_ < queue_.size()) {
    // Moving the rest to the front costs at most as much as sending what was before it.
    if (sent_ < queue_.size() / 2) return;
    queue_.erase(0, sent_);
  } else {
    queue_.clear();
    if (queue_.capacity() <= kSpareBufferBytes && spare_buffers.size() < kMaxSpareBuffers)
      spare_buffers.push_back(std::move(queue_));
    std::string().swap(queue_);
  }
  sent_ = 0;
}

void SocketWriter::take_spare_buffer() {
  if (spare_buffers.empty()) {
    queue_.reserve(kSpareBufferBytes / 2);
    return;
  }
  std::string buffer = std::move(spare_buffers.back());
  spare_buffers.pop_back();
  buffer.append(queue_);
  queue_ = std::move(buffer);
}

void SocketWriter::write(std::string_view data, std::string_view tail) { send(data, tail, 0); }

void SocketWriter::send(std::string_view data, std::string_view tail, int flags) {
  while (is_writable_ && !is_broken_) {
    std::array<iovec, 3> parts{{{queue_.data() + sent_, queued()},
                                {const_cast<char*>(data.data()), data.size()},
                                {const_cast<char*>(tail.data()), tail.size()}}};
    const std::size_t total = queued() + data.size() + tail.size();
    if (total == 0) return;
    const ssize_t n = data.empty() && tail.empty()
                          ? socket_.write(std::string_view(queue_).substr(sent_), flags)
                          : socket_.write(parts.data(), int(parts.size()), flags);
    if (n < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) {
        note_full();
      } else {
        is_broken_ = true;
      }
      break;
    }
    auto left = std::size_t(n);
    const std::size_t from_queue = std::min(left, queued());
    left -= from_queue;
    drop_sent(from_queue);
    const std::size_t from_data = std::min(left, data.size());
    data.remove_prefix(from_data);
    tail.remove_prefix(left - from_data);
    total_sent_ += left;
  }
  if (is_broken_) {
    queue_.clear();
    sent_ = 0;
    return;
  }
  queue_.append(data).append(tail);
}

ssize_t SocketWriter::send_file(int file, std::int64_t offset, std::size_t length) {
  // What waits leaves in one packet with the first bytes of the file.
  if (queued() > 0) send({}, {}, MSG_MORE);
  length = std::min(length, kMaxFileSendBytes);
  std::size_t sent = 0;
  while (sent < length && is_writable_ && !is_broken_) {
    const ssize_t n = socket_.send_file(file, offset + std::int64_t(sent), length - sent);
    if (n == 0) return ssize_t(sent);
    if (n > 0) {
      sent += std::size_t(n);
      total_sent_ += std::uint64_t(n);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      note_full();
    } else if (errno == EOPNOTSUPP || errno == EINVAL || errno == ENOSYS) {
      if (sent > 0) break;  // told by the next call
      errno = EOPNOTSUPP;
      return -1;
    } else {
      is_broken_ = true;
    }
  }
  if (sent > 0) return ssize_t(sent);
  errno = EAGAIN;
  return -1;
}

ssize_t BodyWriter::add_file(SocketWriter& writer, int file, std::int64_t offset,
                             std::size_t length) {
  if (kind_ != BodyKind::Length || length > rest_) {
    errno = EOPNOTSUPP;
    return -1;
  }
  const ssize_t sent = writer.send_file(file, offset, length);
  if (sent > 0) rest_ -= std::uint64_t(sent);
  return sent;
}

bool BodyWriter::add(SocketWriter& writer, std::string_view data) {
  bool is_whole = true;
  if (kind_ == BodyKind::None) return true;
  if (kind_ == BodyKind::Length) {
    is_whole = data.size() <= rest_;
    data = data.substr(0, std::min<std::uint64_t>(rest_, data.size()));
    rest_ -= data.size();
  }
  if (data.empty()) return is_whole;
  std::string& queue = writer.queue();
  const bool is_small = writer.queued() + data.size() <= kSendCoalesceBytes;
  if (kind_ == BodyKind::Chunked) {
    std::array<char, 24> room;
    const std::string_view line = chunk_line(room, data.size());
    if (is_small) {
      append_chunk(queue, line, data);
    } else {
      queue += line;
      writer.write(data, "\r\n");
    }
  } else if (is_small) {
    queue += data;
  } else {
    writer.write(data);
  }
  return is_whole;
}

bool BodyWriter::finish(SocketWriter& writer, const Headers& trailers) {
  if (kind_ == BodyKind::Length) return rest_ == 0;
  if (kind_ != BodyKind::Chunked) return true;
  std::string& queue = writer.queue();
  queue += "0\r\n";
  for (std::size_t i = 0; i < trailers.size(); ++i) {
    append_field(queue, trailers[i].name, trailers[i].value);
  }
  queue += "\r\n";
  return true;
}

BodyFraming append_reply_head(std::string& out, const ResponseHead& head, ReplyContext context) {
  append_status_line(out, head.status);
  if (head.status < 200) return append_interim_head(out, head);
  const bool has_no_body = head.status == 204 || head.status == 304 || context.is_head_request;
  std::optional<std::uint64_t> length;
  {
    FieldCopier copier(out);
    for (std::size_t i = 0; i < head.headers.size(); ++i) {
      if (!head.headers.may_be_in(kReplyNames, i)) {
        copier.copy(head.headers, i);
        continue;
      }
      const Headers::Field field = head.headers[i];
      if (is_hop_by_hop(field.name)) continue;
      if (is_length(field.name)) {
        if (!length) length = parse_length(field.value);
        continue;
      }
      copier.copy(head.headers, i);
    }
  }
  BodyFraming framing;
  if (has_no_body) {
    if (length && head.status != 204) append_length(out, *length);
  } else if (context.ends) {
    append_length(out, 0);
  } else if (length) {
    append_length(out, *length);
    framing = {BodyKind::Length, *length};
  } else if (context.is_http10) {
    framing.kind = BodyKind::UntilClose;
  } else {
    out += "Transfer-Encoding: chunked\r\n";
    framing.kind = BodyKind::Chunked;
  }
  if (!context.keep_alive || framing.kind == BodyKind::UntilClose) {
    out += "Connection: close\r\n";
  } else if (context.is_http10) {
    out += "Connection: keep-alive\r\n";
  }
  out += "\r\n";
  return framing;
}

std::optional<BodyFraming> append_request_head(std::string& out, const OutgoingHead& head) {
  out.append(head.method).append(" ").append(head.target).append(" HTTP/1.1\r\nHost: ");
  out.append(head.authority).append("\r\n");
  std::optional<std::uint64_t> length;
  bool has_coding = false;
  std::string_view upgrade;
  FieldCopier copier(out);
  NameFilter names = kRequestNames;
  if (head.added != nullptr) names.add(head.added->names());
  for (std::size_t i = 0; i < head.fields->size(); ++i) {
    if (!head.fields->may_be_in(names, i)) {
      copier.copy(*head.fields, i);
      continue;
    }
    const Headers::Field field = (*head.fields)[i];
    if (is_hop_by_hop(field.name)) {
      has_coding = has_coding || field.name.size() == 17;
      if (field.name.size() == 7) upgrade = field.value;
      continue;
    }
    if (is_host_or_expect(field.name) || head.is_replaced(field.name)) continue;
    if (is_length(field.name)) {
      if (!length) length = parse_length(field.value);
      continue;
    }
    copier.copy(*head.fields, i);
  }
  for (std::size_t i = 0; head.added != nullptr && i < head.added->size(); ++i)
    if (!(*head.added)[i].value.empty()) copier.copy(*head.added, i);
  if (has_coding) return BodyFraming{BodyKind::Chunked, 0};
  if (length) return BodyFraming{BodyKind::Length, *length};
  if (upgrade.empty() || !head.is_upgrade) return std::nullopt;
  copier.copy_text("Connection: Upgrade\r\n");
  copier.copy_field("Upgrade", upgrade);
  return BodyFraming{};
}

void append_request_end(std::string& out, BodyFraming framing) {
  if (framing.kind == BodyKind::Chunked) out += "Transfer-Encoding: chunked\r\n";
  if (framing.kind == BodyKind::Length) append_length(out, framing.length);
  out += "\r\n";
}

}  // namespace pixell::net
