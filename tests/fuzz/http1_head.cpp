// libFuzzer target: whatever the bytes and however they are cut, the HTTP/1 reader neither crashes
// nor reads two different things from them.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "net/http1_parser.hpp"
#include "net/http1_writer.hpp"

namespace {

using pixell::net::BodyDecoder;
using pixell::net::BodyFraming;
using pixell::net::BodyKind;
using pixell::net::HeadCollector;
using pixell::net::Headers;
using pixell::net::Http1Request;
using pixell::net::Http1Response;

void require(bool holds) {
  if (!holds) std::abort();
}

// What was made of some bytes, as text to compare.
struct Reading {
  std::string text;
  bool operator==(const Reading&) const = default;
};

void add_fields(std::string& text, const Headers& headers) {
  for (std::size_t i = 0; i < headers.size(); ++i) {
    require(pixell::net::is_token(headers[i].name));
    require(pixell::net::is_field_value(headers[i].value));
    text.append(headers[i].name).append(":").append(headers[i].value).append("\n");
  }
}

// Feeds `wire` in pieces of `step` bytes. Returns the head, empty when it did not come or was bad;
// `rest` is what follows it.
std::string collect(std::string_view wire, std::size_t step, std::string& rest, Reading& reading) {
  HeadCollector collector;
  for (std::size_t at = 0; at < wire.size(); at += step) {
    std::string_view piece = wire.substr(at, step);
    switch (collector.feed(piece)) {
      case HeadCollector::State::NeedMore:
        require(piece.empty());
        continue;
      case HeadCollector::State::Failed:
        reading.text += "failed\n";
        return "";
      case HeadCollector::State::Complete:
        break;
    }
    rest = std::string(piece);
    if (at + step < wire.size()) rest += wire.substr(at + step);
    return std::string(collector.head());
  }
  return "";
}

void read_body(BodyFraming framing, std::string_view wire, std::size_t step, Reading& reading) {
  BodyDecoder decoder;
  decoder.start(framing);
  for (std::size_t at = 0; at <= wire.size(); at += step) {
    std::string_view piece = wire.substr(at, step);
    for (;;) {
      std::string_view data;
      const auto state = decoder.decode(piece, data);
      if (state == BodyDecoder::State::Data) {
        require(!data.empty());
        reading.text += data;
        continue;
      }
      if (state == BodyDecoder::State::NeedMore) {
        require(piece.empty());
        break;
      }
      reading.text += state == BodyDecoder::State::End ? "\nend\n" : "\nfailed\n";
      add_fields(reading.text, decoder.trailers());
      return;
    }
  }
}

Reading read_request(std::string_view wire, std::size_t step) {
  Reading reading;
  std::string rest;
  const std::string head = collect(wire, step, rest, reading);
  Http1Request request;
  if (head.empty() || pixell::net::parse_request_head(head, request)) return reading;
  require(!request.head.target.empty() && !request.head.method.empty());
  reading.text += request.head.method + " " + request.head.target + " " + request.head.authority;
  add_fields(reading.text, request.head.headers);
  read_body(request.body, rest, step, reading);
  return reading;
}

Reading read_response(std::string_view wire, std::size_t step) {
  Reading reading;
  std::string rest;
  const std::string head = collect(wire, step, rest, reading);
  Http1Response response;
  if (head.empty() || pixell::net::parse_response_head(head, "GET", response)) return reading;
  reading.text += std::to_string(response.head.status);
  add_fields(reading.text, response.head.headers);
  read_body(response.body, rest, step, reading);
  return reading;
}

// A request that was accepted and is sent on means the same to the next reader.
void check_forwarding(std::string_view wire) {
  Reading reading;
  std::string rest;
  const std::string head = collect(wire, wire.size() + 1, rest, reading);
  Http1Request request;
  if (head.empty() || pixell::net::parse_request_head(head, request)) return;
  std::string out;
  const auto framing = pixell::net::append_request_head(out, request.head);
  const BodyFraming sent = framing.value_or(BodyFraming{});
  pixell::net::append_request_end(out, sent);
  Http1Request again;
  std::string nothing;
  const std::string second = collect(out, out.size() + 1, nothing, reading);
  if (out.size() > pixell::net::kMaxHeadBytes) return;
  if (pixell::net::parse_request_head(second, again)) return;  // too many fields, at most
  require(nothing.empty());
  require(again.head.method == request.head.method && again.head.target == request.head.target);
  require(again.head.authority == request.head.authority);
  require(again.body.kind == request.body.kind && again.body.length == request.body.length);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t step = data[0] % 16 + 1;
  const std::string_view wire(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t whole = wire.size() + 1;
  require(read_request(wire, whole) == read_request(wire, step));
  require(read_response(wire, whole) == read_response(wire, step));
  Reading at_once;
  Reading cut;
  read_body({BodyKind::Chunked, 0}, wire, whole, at_once);
  read_body({BodyKind::Chunked, 0}, wire, step, cut);
  require(at_once == cut);
  check_forwarding(wire);
  return 0;
}
