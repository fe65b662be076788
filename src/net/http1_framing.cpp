#include <algorithm>
#include <utility>

#include "base/percent.hpp"
#include "net/http1_parser.hpp"

namespace pixell::net {

namespace {

// A chunk size with more digits could only be leading zeros or a size beyond 2^60.
constexpr int kMaxSizeDigits = 15;

}  // namespace

HeadCollector::State HeadCollector::fail(int status, const char* message) {
  error_ = {status, message};
  return State::Failed;
}

void HeadCollector::reset() {
  // A connection between requests keeps little.
  if (buffer_.capacity() > 4096) std::string().swap(buffer_);
  buffer_.clear();
  head_ = {};
  line_ = scanned_ = skipped_ = 0;
}

HeadCollector::State HeadCollector::find_end(std::string_view bytes) {
  for (;;) {
    const auto at = bytes.find('\n', scanned_);
    if (at == std::string_view::npos) {
      scanned_ = bytes.size();
      return State::NeedMore;
    }
    if (at == line_ || bytes[at - 1] != '\r') return fail(400, "bad line end in the head");
    const bool is_empty = at == line_ + 1;
    const bool is_first = line_ == skipped_;
    scanned_ = line_ = at + 1;
    if (!is_empty) continue;
    if (!is_first || empty_line_ == EmptyLine::End) return State::Complete;
    skipped_ = line_;
    if (skipped_ > kMaxLeadingEmptyBytes) return fail(400, "too many empty lines");
  }
}

HeadCollector::State HeadCollector::feed(std::string_view& bytes) {
  const std::size_t held = buffer_.size();
  if (held > 0) buffer_.append(bytes);
  const std::string_view all = held > 0 ? std::string_view(buffer_) : bytes;
  const State state = find_end(all);
  if (state == State::Failed) return state;
  const std::size_t end = state == State::Complete ? line_ : all.size();
  if (end > skipped_) {
    // Bytes that can be no head (TLS, for one) are refused at once instead of waited for.
    const char first = all[skipped_];
    if (first != '\r' && !is_token({&first, 1})) {
      return fail(400, "not HTTP");
    }
  }
  if (end - skipped_ > kMaxHeadBytes) return fail(431, "head too large");
  if (state == State::Complete) {
    head_ = all.substr(skipped_, end - skipped_);
    bytes.remove_prefix(end - held);
    return state;
  }
  if (held == 0) buffer_.append(bytes);
  bytes = {};
  return state;
}

void BodyDecoder::start(BodyFraming framing) {
  kind_ = framing.kind;
  step_ = Step::Size;
  digits_ = 0;
  saw_blank_ = false;
  rest_ = framing.kind == BodyKind::Length ? framing.length : 0;
  extension_ = 0;
  trailer_lines_.reset();
  trailers_.clear();
  error_ = {};
}

BodyDecoder::State BodyDecoder::decode(std::string_view& bytes, std::string_view& data) {
  data = {};
  switch (kind_) {
    case BodyKind::Chunked:
      return decode_chunked(bytes, data);
    case BodyKind::None:
      step_ = Step::End;
      return State::End;
    case BodyKind::Length:
      if (rest_ > 0) return take_data(bytes, data);
      step_ = Step::End;
      return State::End;
    case BodyKind::UntilClose:
      break;
  }
  data = std::exchange(bytes, {});
  return data.empty() ? State::NeedMore : State::Data;
}

BodyDecoder::State BodyDecoder::take_data(std::string_view& bytes, std::string_view& data) {
  if (bytes.empty()) return State::NeedMore;
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(rest_, bytes.size()));
  data = bytes.substr(0, n);
  bytes.remove_prefix(n);
  rest_ -= n;
  return State::Data;
}

bool BodyDecoder::fail(const char* message) {
  error_ = {400, message};
  return false;
}

// The usual line, which is here as a whole and has nothing but the size. False when it is another
// one: it is taken byte by byte.
bool BodyDecoder::take_size_line(std::string_view& bytes) {
  if (digits_ > 0) return false;
  std::uint64_t size = 0;
  std::size_t at = 0;
  for (; at < bytes.size() && at < std::size_t(kMaxSizeDigits); ++at) {
    const int digit = hex_value(bytes[at]);
    if (digit < 0) break;
    size = size * 16 + std::uint64_t(digit);
  }
  if (at == 0 || !bytes.substr(at).starts_with("\r\n")) return false;
  bytes.remove_prefix(at + 2);
  rest_ = size;
  return end_size_line();
}

bool BodyDecoder::take_size(std::string_view& bytes) {
  const char c = bytes.front();
  const int digit = hex_value(c);
  bytes.remove_prefix(1);
  if (digit >= 0 && !saw_blank_) {
    if (++digits_ > kMaxSizeDigits) return fail("chunk size too large");
    rest_ = rest_ * 16 + std::uint64_t(digit);
    return true;
  }
  if (digits_ == 0) return fail("bad chunk size");
  if (c == '\r') {
    step_ = Step::SizeEnd;
    return true;
  }
  if (++extension_ > kMaxChunkExtensionBytes) return fail("chunk extension too large");
  if (c == ';') {
    step_ = Step::Extension;
    return true;
  }
  saw_blank_ = c == ' ' || c == '\t';
  return saw_blank_ || fail("bad chunk size");
}

bool BodyDecoder::take_extension(std::string_view& bytes) {
  const auto end = std::min(bytes.find('\r'), bytes.size());
  const std::string_view part = bytes.substr(0, end);
  extension_ += part.size();
  if (extension_ > kMaxChunkExtensionBytes) return fail("chunk extension too large");
  if (!is_field_value(part)) return fail("control byte in a chunk extension");
  bytes.remove_prefix(end);
  if (bytes.empty()) return true;
  bytes.remove_prefix(1);
  step_ = Step::SizeEnd;
  return true;
}

bool BodyDecoder::take_byte(std::string_view& bytes, char expected, Step next) {
  if (bytes.front() != expected) return fail("bad chunk end");
  bytes.remove_prefix(1);
  step_ = next;
  return true;
}

bool BodyDecoder::end_size_line() {
  // Data pays for extensions, so that a long stream with small ones never fails.
  extension_ -= std::min(extension_, rest_);
  digits_ = 0;
  saw_blank_ = false;
  step_ = rest_ > 0 ? Step::Data : Step::Trailers;
  return true;
}

BodyDecoder::State BodyDecoder::take_trailers(std::string_view& bytes) {
  switch (trailer_lines_.feed(bytes)) {
    case HeadCollector::State::NeedMore:
      return State::NeedMore;
    case HeadCollector::State::Failed:
      error_ = trailer_lines_.error();
      return State::Failed;
    case HeadCollector::State::Complete:
      break;
  }
  if (const auto error = parse_trailers(trailer_lines_.head(), trailers_)) {
    error_ = *error;
    return State::Failed;
  }
  trailer_lines_.reset();
  step_ = Step::End;
  return State::End;
}

BodyDecoder::State BodyDecoder::decode_chunked(std::string_view& bytes, std::string_view& data) {
  if (step_ == Step::End) return State::End;
  while (!bytes.empty()) {
    bool is_good = true;
    switch (step_) {
      case Step::Size:
        is_good = take_size_line(bytes) || take_size(bytes);
        break;
      case Step::Extension:
        is_good = take_extension(bytes);
        break;
      case Step::SizeEnd:
        is_good = take_byte(bytes, '\n', Step::Data) && end_size_line();
        break;
      case Step::Data:
        if (rest_ > 0) return take_data(bytes, data);
        step_ = Step::DataCr;
        if (bytes.starts_with("\r\n")) {
          bytes.remove_prefix(2);
          step_ = Step::Size;
        }
        break;
      case Step::DataCr:
        is_good = take_byte(bytes, '\r', Step::DataLf);
        break;
      case Step::DataLf:
        is_good = take_byte(bytes, '\n', Step::Size);
        break;
      case Step::Trailers:
        return take_trailers(bytes);
      case Step::End:
        return State::End;
    }
    if (!is_good) return State::Failed;
  }
  return State::NeedMore;
}

}  // namespace pixell::net
