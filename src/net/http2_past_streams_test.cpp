#include "net/http2_past_streams.hpp"

#include <gtest/gtest.h>

namespace pixell::net {
namespace {

using Verdict = Http2PastStreams::Verdict;

TEST(Http2PastStreams, TellsWhatThePeerEndedFromWhatWeDid) {
  Http2PastStreams past;
  for (const std::int32_t id : {1, 3}) past.opened(id);

  past.ended_by_peer(1);

  EXPECT_EQ(past.judge(1), Verdict::Closed);
  EXPECT_EQ(past.judge(3), Verdict::Fine);
}

TEST(Http2PastStreams, KnowsTheIdsThatWerePassedOver) {
  Http2PastStreams past;
  past.opened(1);
  past.opened(7);
  past.opened(9);

  EXPECT_EQ(past.judge(1), Verdict::Fine);
  EXPECT_EQ(past.judge(3), Verdict::LeftOut);
  EXPECT_EQ(past.judge(5), Verdict::LeftOut);
  EXPECT_EQ(past.judge(7), Verdict::Fine);
  EXPECT_FALSE(past.is_new(5));
  EXPECT_TRUE(past.is_new(11));
}

TEST(Http2PastStreams, CountsTheIdsBelowTheFirst) {
  Http2PastStreams past;

  past.opened(5);

  EXPECT_EQ(past.judge(3), Verdict::LeftOut);
}

TEST(Http2PastStreams, ForgetsTheOldest) {
  Http2PastStreams past;
  for (std::size_t i = 0; i <= kH2RememberedStreams; ++i)
    past.ended_by_peer(static_cast<std::int32_t>(2 * i + 1));

  EXPECT_EQ(past.judge(1), Verdict::Fine);
  EXPECT_EQ(past.judge(3), Verdict::Closed);
}

}  // namespace
}  // namespace pixell::net
