#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/headers.hpp"
#include "net/limits.hpp"
#include "net/message.hpp"

// Internal to net: HTTP/1 as bytes (RFC 9112). Strict where leniency lets two readers of the same
// bytes disagree about where a message ends (request smuggling).

namespace pixell::net {

/// Why a message was refused: the status to answer and a constant text.
struct Http1Error {
  int status = 400;
  const char* message = "";
};

/// Where a body ends.
enum class BodyKind : unsigned char { None, Length, Chunked, UntilClose };
struct BodyFraming {
  BodyKind kind = BodyKind::None;
  std::uint64_t length = 0;  ///< of BodyKind::Length
};

struct Http1Request {
  RequestHead head;
  BodyFraming body;
  bool is_http10 = false;
  bool keep_alive = true;         ///< what the client asked for
  bool expects_continue = false;  ///< Expect: 100-continue
};

struct Http1Response {
  ResponseHead head;
  BodyFraming body;
  bool keep_alive = true;  ///< what the server allows; false with BodyKind::UntilClose
};

/// Collects a head (start line and fields, up to and with the empty line) from pieces. Nothing is
/// copied when a piece holds the whole head.
class HeadCollector {
 public:
  enum class State { NeedMore, Complete, Failed };
  /// What an empty line in front means: nothing (a head), or the end (trailers).
  enum class EmptyLine : unsigned char { Skip, End };

  explicit HeadCollector(EmptyLine empty_line = EmptyLine::Skip) : empty_line_(empty_line) {}

  /// Takes bytes from the front of `bytes`: all of them, or up to the end of the head.
  State feed(std::string_view& bytes);
  /// After Complete: the head with its last empty line; valid until `bytes` or this changes.
  std::string_view head() const { return head_; }
  /// After Failed.
  Http1Error error() const { return error_; }
  /// True when a part of a head waits.
  bool is_partial() const { return buffer_.size() > skipped_; }
  /// Starts the next head.
  void reset();

 private:
  State fail(int status, const char* message);
  // Looks line by line for the end of the head in `bytes`, from scanned_ on.
  State find_end(std::string_view bytes);

  EmptyLine empty_line_;
  std::string buffer_;
  std::string_view head_;
  std::size_t line_ = 0;     // where the current line starts
  std::size_t scanned_ = 0;  // no unseen line end before this
  std::size_t skipped_ = 0;  // bytes of leading empty lines
  Http1Error error_;
};

/// Parses a complete request head into `out` (whose buffers are reused). nullopt = good.
std::optional<Http1Error> parse_request_head(std::string_view head, Http1Request& out);

/// Parses a complete response head; `method` is that of the request (HEAD has no body). The status
/// of an error means nothing here.
std::optional<Http1Error> parse_response_head(std::string_view head, std::string_view method,
                                              Http1Response& out);

/// Parses field lines up to and with an empty line, as trailers have them. Fields that would
/// change framing or routing are dropped (RFC 9110 6.5.1).
std::optional<Http1Error> parse_trailers(std::string_view section, Headers& out);

/// True for a token of RFC 9110 5.6.2 (method and field names).
bool is_token(std::string_view text);
/// True when `text` holds no control byte but HTAB, as field values must not.
bool is_field_value(std::string_view text);
/// True for a request target without blanks, control bytes and a fragment.
bool is_target(std::string_view text);
/// Host and port as Host and :authority have them: no userinfo, no path (RFC 9110 4.2.4).
bool is_authority(std::string_view text);

/// Decodes a body from pieces, whatever its framing.
class BodyDecoder {
 public:
  enum class State {
    Data,      ///< data() is a piece of the body
    NeedMore,  ///< all bytes are taken
    End,       ///< the body is complete; the rest of the bytes belongs to the next message
    Failed,    ///< error() says why
  };

  void start(BodyFraming framing);
  /// Takes bytes from the front of `bytes`. Call again until it is not Data. A piece is a view into
  /// `bytes`. End is reported once, also for BodyKind::None.
  State decode(std::string_view& bytes, std::string_view& data);
  /// True when the body needs no more bytes: decode() will say End.
  bool needs_no_more() const {
    return kind_ == BodyKind::None || (kind_ == BodyKind::Length && rest_ == 0) ||
           step_ == Step::End;
  }
  /// True when the body is complete if the peer closes the connection now.
  bool is_complete_at_close() const { return kind_ == BodyKind::UntilClose || needs_no_more(); }

  /// The trailer fields after End.
  const Headers& trailers() const { return trailers_; }
  Http1Error error() const { return error_; }

 private:
  enum class Step : unsigned char { Size, Extension, SizeEnd, Data, DataCr, DataLf, Trailers, End };

  State decode_chunked(std::string_view& bytes, std::string_view& data);
  State take_data(std::string_view& bytes, std::string_view& data);
  // These take one part of the chunk syntax and move on to the next step; false = failed.
  bool take_size_line(std::string_view& bytes);
  bool take_size(std::string_view& bytes);
  bool take_extension(std::string_view& bytes);
  bool take_byte(std::string_view& bytes, char expected, Step next);
  bool end_size_line();
  State take_trailers(std::string_view& bytes);
  bool fail(const char* message);

  BodyKind kind_ = BodyKind::None;
  Step step_ = Step::Size;
  unsigned char digits_ = 0;     // of the chunk size
  bool saw_blank_ = false;       // after the chunk size: only ';' or the end of line may follow
  std::uint64_t rest_ = 0;       // of the body or of the chunk
  std::uint64_t extension_ = 0;  // extension bytes not yet paid for by data
  HeadCollector trailer_lines_{HeadCollector::EmptyLine::End};
  Headers trailers_;
  Http1Error error_;
};

}  // namespace pixell::net
