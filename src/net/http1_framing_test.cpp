#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "net/http1_parser.hpp"

// Where a head and a body end: HeadCollector and BodyDecoder.

namespace pixell::net {
namespace {

TEST(HeadCollector, FindsTheHeadHoweverItIsCut) {
  const std::string head = "\r\nGET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
  const std::string wire = head + "rest";
  for (std::size_t cut = 0; cut <= head.size(); ++cut) {
    HeadCollector collector;
    std::string_view first = std::string_view(wire).substr(0, cut);
    std::string_view second = std::string_view(wire).substr(cut);
    if (collector.feed(first) == HeadCollector::State::Complete) {
      EXPECT_EQ(cut, head.size());
      EXPECT_TRUE(first.empty());
      EXPECT_EQ(collector.head(), head.substr(2));
      continue;
    }
    // An empty line in front is no part of a head.
    EXPECT_EQ(collector.is_partial(), cut != 0 && cut != 2) << cut;
    ASSERT_EQ(collector.feed(second), HeadCollector::State::Complete) << cut;
    EXPECT_EQ(collector.head(), head.substr(2)) << cut;
    EXPECT_EQ(second, "rest") << cut;
  }
}

TEST(HeadCollector, TakesOneHeadOfSeveral) {
  const std::string wire = "GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n";
  HeadCollector collector;
  std::string_view bytes = wire;

  ASSERT_EQ(collector.feed(bytes), HeadCollector::State::Complete);
  EXPECT_EQ(collector.head(), "GET /1 HTTP/1.1\r\n\r\n");
  collector.reset();
  ASSERT_EQ(collector.feed(bytes), HeadCollector::State::Complete);
  EXPECT_EQ(collector.head(), "GET /2 HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(bytes.empty());
}

struct Decoded {
  BodyDecoder::State last = BodyDecoder::State::NeedMore;
  std::string body;
  std::string rest;
  std::string trailers;
};

// Decodes `wire` in pieces of `step` bytes.
Decoded decode(BodyFraming framing, const std::string& wire, std::size_t step) {
  BodyDecoder decoder;
  decoder.start(framing);
  Decoded result;
  for (std::size_t at = 0; at < wire.size() || at == 0; at += step) {
    std::string_view bytes = std::string_view(wire).substr(std::min(at, wire.size()), step);
    for (;;) {
      std::string_view data;
      result.last = decoder.decode(bytes, data);
      if (result.last != BodyDecoder::State::Data) break;
      EXPECT_FALSE(data.empty());
      result.body += data;
    }
    if (result.last == BodyDecoder::State::NeedMore) {
      EXPECT_TRUE(bytes.empty());
      continue;
    }
    if (result.last == BodyDecoder::State::End) {
      result.rest = std::string(bytes) + wire.substr(std::min(wire.size(), at + step));
      for (std::size_t i = 0; i < decoder.trailers().size(); ++i) {
        result.trailers += std::string(decoder.trailers()[i].name) + "=" +
                           std::string(decoder.trailers()[i].value) + ";";
      }
    }
    break;
  }
  return result;
}

struct ChunkRow {
  const char* name;
  std::string wire;
  BodyDecoder::State last;
  std::string body = {};
  std::string rest = {};
  std::string trailers = {};
};

void PrintTo(const ChunkRow& row, std::ostream* out) { *out << row.name; }

class ChunkedBody : public testing::TestWithParam<ChunkRow> {};

TEST_P(ChunkedBody, DecodesTheSameHoweverItIsCut) {
  const ChunkRow& row = GetParam();
  for (const std::size_t step :
       {std::size_t(1), std::size_t(2), std::size_t(3), std::size_t(7), row.wire.size() + 1}) {
    const Decoded decoded = decode({BodyKind::Chunked, 0}, row.wire, step);
    EXPECT_EQ(decoded.last, row.last) << step;
    if (row.last == BodyDecoder::State::Failed) continue;
    EXPECT_EQ(decoded.body, row.body) << step;
    EXPECT_EQ(decoded.rest, row.rest) << step;
    EXPECT_EQ(decoded.trailers, row.trailers) << step;
  }
}

constexpr auto kEnd = BodyDecoder::State::End;
constexpr auto kMore = BodyDecoder::State::NeedMore;
constexpr auto kFailed = BodyDecoder::State::Failed;

INSTANTIATE_TEST_SUITE_P(
    Rows, ChunkedBody,
    testing::Values(
        ChunkRow{"simple", "5\r\nhello\r\n0\r\n\r\n", kEnd, "hello"},
        ChunkRow{"several", "1\r\na\r\n00A\r\n0123456789\r\n0\r\n\r\nGET", kEnd, "a0123456789",
                 "GET"},
        ChunkRow{"empty", "0\r\n\r\n", kEnd},
        ChunkRow{"extensions", "5;a=b;c=\"d e\"\r\nhello\r\n0;x\r\n\r\n", kEnd, "hello"},
        ChunkRow{"blank_before_extension", "5 ;a\r\nhello\r\n0 \r\n\r\n", kEnd, "hello"},
        ChunkRow{"trailers", "0\r\nX-A: b\r\ngrpc-status: 0\r\n\r\n", kEnd, "", "",
                 "X-A=b;grpc-status=0;"},
        ChunkRow{"framing_trailers_dropped", "0\r\nContent-Length: 3\r\nX: y\r\nHost: h\r\n\r\n",
                 kEnd, "", "", "X=y;"},
        ChunkRow{"incomplete_size", "5", kMore},
        ChunkRow{"incomplete_data", "5\r\nhel", kMore, "hel"},
        ChunkRow{"incomplete_trailers", "0\r\nX: y\r\n", kMore},
        ChunkRow{"no_size", "\r\nhello", kFailed}, ChunkRow{"negative", "-5\r\nhello\r\n", kFailed},
        ChunkRow{"hex_prefix", "0x5\r\nhello\r\n", kFailed},
        ChunkRow{"digits_after_blank", "5 5\r\nhello\r\n", kFailed},
        ChunkRow{"bare_lf_after_size", "5\nhello\r\n", kFailed},
        ChunkRow{"bare_cr_after_size", "5\rhello\r\n", kFailed},
        ChunkRow{"lf_in_extension", "5;a\nb\r\nhello\r\n", kFailed},
        ChunkRow{"too_much_data", "5\r\nhello!\r\n", kFailed},
        ChunkRow{"lf_after_data", "5\r\nhello\n0\r\n\r\n", kFailed},
        ChunkRow{"overflow", "FFFFFFFFFFFFFFFFF\r\n", kFailed},
        ChunkRow{"many_zeros", "00000000000000000000005\r\nhello\r\n", kFailed},
        ChunkRow{"long_extension", "5;" + std::string(kMaxChunkExtensionBytes, 'x') + "\r\n",
                 kFailed},
        ChunkRow{"bad_trailer", "0\r\nX y\r\n\r\n", kFailed},
        ChunkRow{"folded_trailer", "0\r\nX: y\r\n z\r\n\r\n", kFailed}));

TEST(BodyDecoder, LetsDataPayForExtensions) {
  std::string wire;
  for (int i = 0; i < 2000; ++i)
    wire += "20;0123456789012345678\r\n" + std::string(32, 'x') + "\r\n";
  wire += "0\r\n\r\n";

  const Decoded decoded = decode({BodyKind::Chunked, 0}, wire, 4096);

  EXPECT_EQ(decoded.last, kEnd);
  EXPECT_EQ(decoded.body.size(), 64'000u);
}

TEST(BodyDecoder, CountsALength) {
  EXPECT_EQ(decode({BodyKind::Length, 5}, "hello", 2).last, kEnd);
  EXPECT_EQ(decode({BodyKind::Length, 5}, "helloGET", 100).rest, "GET");
  EXPECT_EQ(decode({BodyKind::Length, 5}, "hell", 100).last, kMore);
  EXPECT_EQ(decode({BodyKind::None, 0}, "GET", 100).rest, "GET");
}

TEST(BodyDecoder, KnowsWhatAClosedConnectionMeans) {
  BodyDecoder decoder;
  std::string_view data;
  decoder.start({BodyKind::UntilClose, 0});
  EXPECT_TRUE(decoder.is_complete_at_close());
  decoder.start({BodyKind::Length, 3});
  EXPECT_FALSE(decoder.is_complete_at_close());
  std::string_view bytes = "abc";
  EXPECT_EQ(decoder.decode(bytes, data), BodyDecoder::State::Data);
  EXPECT_TRUE(decoder.is_complete_at_close());
  decoder.start({BodyKind::Chunked, 0});
  bytes = "0\r\n";
  EXPECT_EQ(decoder.decode(bytes, data), kMore);
  EXPECT_FALSE(decoder.is_complete_at_close());
}

}  // namespace
}  // namespace pixell::net
