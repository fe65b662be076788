#include "net/grpc.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "net/stream.hpp"

namespace pixell::net {
namespace {

std::string prefix(char flag, std::uint32_t length) {
  std::string out(1, flag);
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(length >> shift & 0xff);
  return out;
}

TEST(GrpcDeframer, SplitsMessagesWhateverTheCut) {
  const std::vector<std::string> sent = {"", "a", std::string(300, 'x'), "", "last"};
  std::string wire;
  for (const std::string& message : sent) wire += grpc_frame(message);

  for (std::size_t step = 1; step <= wire.size(); ++step) {
    GrpcDeframer deframer(1024);
    std::vector<std::string> got;
    for (std::size_t at = 0; at < wire.size(); at += step)
      ASSERT_TRUE(deframer.feed(std::string_view(wire).substr(at, step), got));
    EXPECT_EQ(got, sent) << "step " << step;
    EXPECT_TRUE(deframer.is_empty());
  }
}

TEST(GrpcDeframer, KeepsAHalfMessage) {
  GrpcDeframer deframer(16);
  std::vector<std::string> got;

  ASSERT_TRUE(deframer.feed(grpc_frame("abcdef").substr(0, 8), got));

  EXPECT_TRUE(got.empty());
  EXPECT_FALSE(deframer.is_empty());
}

TEST(GrpcDeframer, RefusesAMessageOverTheLimitBeforeItArrives) {
  GrpcDeframer deframer(16);
  std::vector<std::string> got;

  EXPECT_TRUE(deframer.feed(grpc_frame(std::string(16, 'a')), got));
  const Result<void> over = deframer.feed(prefix(0, 17), got);

  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, ErrorCode::ResourceExhausted);
  EXPECT_NE(over.error().message.find("16"), std::string::npos);
  EXPECT_EQ(got.size(), 1u);
}

TEST(GrpcDeframer, RefusesCompressedAndMalformedPrefixes) {
  std::vector<std::string> got;

  const Result<void> compressed = GrpcDeframer(16).feed(prefix(1, 0), got);
  const Result<void> malformed = GrpcDeframer(16).feed(prefix(2, 0), got);

  ASSERT_FALSE(compressed);
  EXPECT_EQ(compressed.error().code, ErrorCode::Unimplemented);
  ASSERT_FALSE(malformed);
  EXPECT_EQ(malformed.error().code, ErrorCode::InvalidArgument);
}

TEST(GrpcFrame, PrefixesTheLengthBigEndian) {
  EXPECT_EQ(grpc_frame("ab"), std::string("\0\0\0\0\2ab", 7));
  EXPECT_EQ(grpc_frame(std::string(0x010203, 'x')).substr(0, 5), std::string("\0\0\1\2\3", 5));
}

TEST(GrpcTrailers, EncodesTheMessage) {
  const Headers trailers = grpc_trailers(ErrorCode::NotFound, "no \"ä\" at 100%\n");

  EXPECT_EQ(trailers.get("grpc-status"), "5");
  EXPECT_EQ(trailers.get("grpc-message"), "no \"%C3%A4\" at 100%25%0A");
  EXPECT_EQ(grpc_ok_trailers().get("grpc-status"), "0");
  EXPECT_FALSE(grpc_trailers(ErrorCode::Unknown, "").has("grpc-message"));
}

/// Records what a handler sends.
class RecordingStream final : public ServerStream {
 public:
  bool send_data(std::string_view) override { return true; }
  void finish(const Headers& fields) override { trailers = fields; }
  void pause() override {}
  void resume() override {}
  void reset(ResetCode) override {}
  const RequestHead& request() const override { return request_; }
  const PeerInfo& peer() const override { return peer_; }
  void send_informational(const ResponseHead&) override {}
  void send_head(const ResponseHead& sent, bool ends) override {
    head = sent;
    head_ends = ends;
    is_head_sent = true;
  }
  bool head_sent() const override { return is_head_sent; }

  ResponseHead head;
  Headers trailers;
  bool head_ends = false;
  bool is_head_sent = false;

 private:
  RequestHead request_;
  PeerInfo peer_;
};

TEST(SendGrpcStatus, IsTrailersOnlyWhenNoHeadWasSent) {
  RecordingStream stream;

  send_grpc_status(stream, ErrorCode::Unavailable, "starting");

  EXPECT_TRUE(stream.head_ends);
  EXPECT_EQ(stream.head.status, 200);
  EXPECT_EQ(stream.head.headers.get("content-type"), "application/grpc");
  EXPECT_EQ(stream.head.headers.get("grpc-status"), "14");
  EXPECT_EQ(stream.head.headers.get("grpc-message"), "starting");
}

TEST(SendGrpcStatus, CarriesMoreFields) {
  RecordingStream stream;
  Headers more;
  more.add("x-pixell-revision", "3");

  send_grpc_status(stream, ErrorCode::Unavailable, "", more);

  EXPECT_EQ(stream.head.headers.get("x-pixell-revision"), "3");
  EXPECT_EQ(stream.head.headers.get("grpc-status"), "14");
}

TEST(GrpcStatusOf, IsTheNumberOrNothing) {
  Headers fields;
  EXPECT_EQ(grpc_status_of(fields), -1);
  fields.set("grpc-status", "14");
  EXPECT_EQ(grpc_status_of(fields), 14);
  for (const char* text : {"", "x", "4x"}) {
    fields.set("grpc-status", text);
    EXPECT_EQ(grpc_status_of(fields), -1) << text;
  }
}

TEST(SendGrpcStatus, FinishesAnAnswerThatHasAHead) {
  RecordingStream stream;
  stream.send_head({}, false);

  send_grpc_status(stream, ErrorCode::Aborted, "");

  EXPECT_FALSE(stream.head_ends);
  EXPECT_EQ(stream.trailers.get("grpc-status"), "10");
}

}  // namespace
}  // namespace pixell::net
