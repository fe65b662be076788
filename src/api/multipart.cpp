#include "api/multipart.hpp"

#include <fmt/format.h>
#include <strings.h>

#include <algorithm>

#include "api/limits.hpp"

namespace pixell::api {

namespace {

Error malformed(std::string what) {
  return make_error(ErrorCode::InvalidArgument, "the multipart body is malformed: " + what);
}

bool starts_with_no_case(std::string_view text, std::string_view start) {
  return text.size() >= start.size() && strncasecmp(text.data(), start.data(), start.size()) == 0;
}

// The value of `; name="value"` or `; name=value` in a header.
std::string parameter(std::string_view header, std::string_view name) {
  for (std::size_t at = header.find(';'); at != std::string_view::npos;) {
    header.remove_prefix(at + 1);
    while (header.starts_with(' ')) header.remove_prefix(1);
    at = header.find(';');
    if (!starts_with_no_case(header, name) || header.size() <= name.size() ||
        header[name.size()] != '=') {
      continue;
    }
    std::string_view value = header.substr(name.size() + 1);
    if (!value.starts_with('"')) return std::string(value.substr(0, value.find(';')));
    std::string unquoted;
    for (std::size_t i = 1; i < value.size() && value[i] != '"'; ++i) {
      if (value[i] == '\\' && i + 1 < value.size()) ++i;
      unquoted += value[i];
    }
    return unquoted;
  }
  return {};
}

}  // namespace

Result<std::string> multipart_boundary(std::string_view content_type) {
  if (!starts_with_no_case(content_type, "multipart/form-data"))
    return make_error(
        ErrorCode::InvalidArgument,
        fmt::format("Content-Type must be multipart/form-data with the package in the "
                    "part 'file', not '{}'",
                    content_type.substr(0, 80)));
  std::string boundary = parameter(content_type, "boundary");
  if (boundary.empty() || boundary.size() > kMaxBoundaryBytes)
    return make_error(ErrorCode::InvalidArgument,
                      "Content-Type multipart/form-data needs a boundary of 1 to 70 characters");
  return boundary;
}

MultipartParser::MultipartParser(std::string_view boundary, PartSink sink)
    : sink_(std::move(sink)), delimiter_("\r\n--" + std::string(boundary)), buffer_("\r\n") {
  // The first boundary may stand at the very start: the line break before it is put in front.
}

Result<void> MultipartParser::feed(std::string_view bytes) {
  if (state_ == State::Done) return {};  // the epilogue has no meaning
  buffer_ += bytes;
  while (true) {
    TRY(const bool goes_on, step());
    if (!goes_on) return {};
  }
}

Result<void> MultipartParser::finish() const {
  if (state_ == State::Done) return {};
  return malformed("it ends before the closing boundary");
}

// One move of the state machine; false when more bytes are needed.
//   Preamble ─delimiter─▶ AfterBoundary ─CRLF─▶ Head ─empty line─▶ Body ─delimiter─▶ AfterBoundary
//                         AfterBoundary ─"--"─▶ Done
Result<bool> MultipartParser::step() {
  switch (state_) {
    case State::Preamble:
    case State::Body: {
      const std::size_t at = buffer_.find(delimiter_);
      // Without a delimiter, all but a possible beginning of one belongs to the part.
      const std::size_t keep = delimiter_.size() - 1;
      const std::size_t take = at != std::string::npos ? at
                               : buffer_.size() > keep ? buffer_.size() - keep
                                                       : 0;
      if (state_ == State::Body && take > 0)
        TRY_VOID(sink_.on_bytes(std::string_view(buffer_).substr(0, take)));
      buffer_.erase(0, take);
      if (at == std::string::npos) return false;
      buffer_.erase(0, delimiter_.size());
      state_ = State::AfterBoundary;
      return true;
    }
    case State::AfterBoundary:
      if (buffer_.size() < 2) return false;
      if (buffer_.starts_with("--")) {
        state_ = State::Done;
        buffer_.clear();
        return false;
      }
      if (!buffer_.starts_with("\r\n"))
        return malformed("a boundary is not at the end of its line");
      buffer_.erase(0, 2);
      state_ = State::Head;
      return true;
    case State::Head: {
      const std::size_t end = buffer_.find("\r\n\r\n");
      if (end == std::string::npos && buffer_.size() <= kMaxPartHeaderBytes) return false;
      if (end == std::string::npos || end > kMaxPartHeaderBytes)
        return make_error(
            ErrorCode::ResourceExhausted,
            fmt::format("a part has more than {} bytes of headers", kMaxPartHeaderBytes));
      const std::string head = buffer_.substr(0, end);
      buffer_.erase(0, end + 4);
      TRY_VOID(take_head(head));
      state_ = State::Body;
      return true;
    }
    case State::Done:
      return false;
  }
  return false;
}

Result<void> MultipartParser::take_head(std::string_view text) {
  if (++parts_ > kMaxParts)
    return make_error(ErrorCode::ResourceExhausted,
                      fmt::format("the body has more than {} parts", kMaxParts));
  PartHead head;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find("\r\n"));
    if (starts_with_no_case(line, "content-disposition:")) {
      head.name = parameter(line, "name");
      head.filename = parameter(line, "filename");
    }
    text.remove_prefix(std::min(text.size(), line.size() + 2));
  }
  if (head.name.empty()) return malformed("a part has no name");
  return sink_.on_part(head);
}

}  // namespace pixell::api
