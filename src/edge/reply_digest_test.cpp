#include "edge/reply_digest.hpp"

#include <gtest/gtest.h>

#include <string>

#include "base/clock.hpp"
#include "edge/limits.hpp"

namespace pixell::edge {
namespace {

using Difference = ReplyDigest::Difference;

struct Reply {
  int status = 200;
  std::string content_type = "text/plain";
  std::string body = "hello, world";
  int grpc_status = -1;
  std::size_t piece = 1000;
  bool is_whole = true;
};

ReplyDigest digest(const Reply& reply) {
  ReplyDigest digest;
  net::ResponseHead head{.status = reply.status, .headers = {}};
  head.headers.add("content-type", reply.content_type);
  digest.take_head(head, Millis(5));
  for (std::size_t at = 0; at < reply.body.size(); at += reply.piece)
    digest.take_data(std::string_view(reply.body).substr(at, reply.piece));
  if (reply.is_whole) digest.end(reply.grpc_status);
  return digest;
}

Difference compare(const Reply& a, const Reply& b) { return digest(a).compare(digest(b)); }

TEST(ReplyDigest, IsTheSameInWhateverPiecesABodyComes) {
  std::string body(kMirrorHashedBytes + 77, 'x');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 7);
  for (const std::size_t piece : {1, 3, 7, 8, 9, 4096})
    EXPECT_EQ(compare({.body = body}, {.body = body, .piece = piece}), Difference::None) << piece;
}

TEST(ReplyDigest, SeesEveryByteOfTheBeginning) {
  const std::string body(100, 'x');
  for (std::size_t i = 0; i < body.size(); ++i) {
    std::string other = body;
    other[i] = 'y';
    EXPECT_EQ(compare({.body = body, .piece = 13}, {.body = other}), Difference::Body) << i;
  }
}

TEST(ReplyDigest, TellsStatusFromBody) {
  EXPECT_EQ(compare({}, {}), Difference::None);
  EXPECT_EQ(compare({}, {.status = 500}), Difference::Status);
  EXPECT_EQ(compare({.grpc_status = 0}, {.grpc_status = 13}), Difference::Status);
  EXPECT_EQ(compare({}, {.content_type = "text/html"}), Difference::Body);
  EXPECT_EQ(compare({}, {.body = "hello, world!"}), Difference::Body);
  EXPECT_EQ(compare({.body = ""}, {.body = std::string(1, '\0')}), Difference::Body);
}

TEST(ReplyDigest, HashesOnlyTheBeginning) {
  const std::string beginning(kMirrorHashedBytes, 'x');
  EXPECT_EQ(compare({.body = beginning + "a"}, {.body = beginning + "b"}), Difference::None);
  EXPECT_EQ(compare({.body = beginning + "a"}, {.body = beginning + "ab"}), Difference::Body);
}

TEST(ReplyDigest, ComparesStreamsAsFarAsTheyCame) {
  EXPECT_EQ(compare({.body = "a", .is_whole = false}, {.body = "ab"}), Difference::None);
  EXPECT_EQ(compare({.status = 404, .is_whole = false}, {}), Difference::Status);
}

}  // namespace
}  // namespace pixell::edge
