#include "par/worker/frame.hpp"

#include <gtest/gtest.h>

#include "par/limits.hpp"

namespace pixell::par {
namespace {

TEST(Frame, IsTwoLittleEndianLengthsHeaderAndBody) {
  const auto bytes = encode_frame(R"({"t":"x"})", "ab");

  ASSERT_TRUE(bytes);
  EXPECT_EQ(*bytes, std::string("\x09\0\0\0\x02\0\0\0{\"t\":\"x\"}ab", 19));
}

TEST(Frame, ComesBackFromAnyCutOfTheStream) {
  const std::string stream = *encode_frame("{}", "first") + *encode_frame(R"({"t":"second"})");

  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    FrameDecoder decoder;
    std::vector<Frame> frames;
    ASSERT_TRUE(decoder.feed(stream.substr(0, cut), frames));
    ASSERT_TRUE(decoder.feed(stream.substr(cut), frames));
    ASSERT_EQ(frames.size(), 2U) << cut;
    EXPECT_EQ(frames[0].body, "first");
    EXPECT_EQ(frames[1].header, R"({"t":"second"})");
    EXPECT_TRUE(frames[1].body.empty());
    EXPECT_TRUE(decoder.is_empty());
  }
}

TEST(Frame, RefusesLengthsOverTheLimitBeforeTheirBytesCome) {
  for (const std::string& prefix :
       {std::string("\xff\xff\xff\xff\xff\xff\xff\xff", 8), std::string("\0\0\0\x01\x01\0\0\0", 8),
        std::string("\0\0\0\0\x01\0\0\x01", 8)}) {
    FrameDecoder decoder;
    std::vector<Frame> frames;
    const auto fed = decoder.feed(prefix, frames);
    ASSERT_FALSE(fed);
    EXPECT_EQ(fed.error().code, ErrorCode::ResourceExhausted);
  }
}

TEST(Frame, TakesAMessageOfExactlyTheLimit) {
  const std::string body(kMaxFrameBytes - 2, 'b');
  const auto bytes = encode_frame("{}", body);
  ASSERT_TRUE(bytes);

  FrameDecoder decoder;
  std::vector<Frame> frames;
  ASSERT_TRUE(decoder.feed(*bytes, frames));
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_FALSE(encode_frame("{} ", body));
}

}  // namespace
}  // namespace pixell::par
