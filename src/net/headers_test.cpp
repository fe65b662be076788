#include "net/headers.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "net/message.hpp"

namespace pixell::net {
namespace {

std::vector<std::string> lines(const Headers& headers) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    out.push_back(std::string(headers[i].name) + ": " + std::string(headers[i].value));
  }
  return out;
}

TEST(Headers, KeepWireOrderAndCompareNamesWithoutCase) {
  Headers headers;
  headers.add("X-First", "1");
  headers.add("set-cookie", "a=1");
  headers.add("Set-Cookie", "b=2");

  EXPECT_EQ(headers.get("x-first"), "1");
  EXPECT_EQ(headers.get("SET-COOKIE"), "a=1");
  EXPECT_FALSE(headers.has("x-second"));
  EXPECT_EQ(lines(headers),
            (std::vector<std::string>{"X-First: 1", "set-cookie: a=1", "Set-Cookie: b=2"}));
}

TEST(Headers, SetReplacesEveryFieldOfThatName) {
  Headers headers;
  headers.add("A", "1");
  headers.add("B", "2");
  headers.add("a", "3");

  headers.set("a", "4");

  EXPECT_EQ(lines(headers), (std::vector<std::string>{"B: 2", "a: 4"}));
}

TEST(Headers, TakeViewsIntoThemselves) {
  Headers headers;
  headers.add("location", "a value that is long enough to make the buffer grow when repeated");

  for (int i = 0; i < 20; ++i) headers.add(headers[0].name, headers[0].value);
  headers.set("location", *headers.get("location"));

  ASSERT_EQ(headers.size(), 1u);
  EXPECT_EQ(headers[0].value, "a value that is long enough to make the buffer grow when repeated");
}

TEST(Headers, FindTokensInLists) {
  Headers headers;
  headers.add("Connection", "keep-alive, \tUpgrade ,");
  headers.add("connection", "x-hop");

  EXPECT_TRUE(headers.has_token("connection", "upgrade"));
  EXPECT_TRUE(headers.has_token("connection", "X-Hop"));
  EXPECT_FALSE(headers.has_token("connection", "up"));
  EXPECT_FALSE(headers.has_token("connection", ""));
}

TEST(Headers, RemoveHopByHopTakesWhatConnectionNames) {
  Headers headers;
  headers.add("Connection", "X-Secret-Hop, Content-Length");
  headers.add("X-Secret-Hop", "1");
  headers.add("Keep-Alive", "timeout=5");
  headers.add("Proxy-Connection", "keep-alive");
  headers.add("Transfer-Encoding", "chunked");
  headers.add("Upgrade", "websocket");
  headers.add("TE", "gzip, trailers");
  headers.add("Content-Length", "5");
  headers.add("Accept", "*/*");

  remove_hop_by_hop(headers);

  EXPECT_EQ(lines(headers),
            (std::vector<std::string>{"Content-Length: 5", "Accept: */*", "te: trailers"}));
}

TEST(RequestHead, SplitsPathAndQuery) {
  RequestHead head;
  head.target = "/a/b?c=d?e";
  EXPECT_EQ(head.path(), "/a/b");
  EXPECT_EQ(head.query(), "c=d?e");
  head.target = "/a";
  EXPECT_EQ(head.path(), "/a");
  EXPECT_EQ(head.query(), "");
}

TEST(RequestHead, KnowsGrpcFromGrpcWeb) {
  const auto is_grpc = [](const char* type) {
    RequestHead head;
    head.headers.add("Content-Type", type);
    return head.is_grpc();
  };
  EXPECT_TRUE(is_grpc("application/grpc"));
  EXPECT_TRUE(is_grpc("Application/gRPC+proto"));
  EXPECT_FALSE(is_grpc("application/grpc-web"));
  EXPECT_FALSE(is_grpc("application/json"));
}

TEST(RequestHead, NeedsBothFieldsForAnUpgrade) {
  RequestHead head;
  head.headers.add("Upgrade", "websocket");
  EXPECT_FALSE(head.is_upgrade());
  head.headers.add("Connection", "keep-alive, Upgrade");
  EXPECT_TRUE(head.is_upgrade());
  head.protocol = Protocol::Http2;
  EXPECT_FALSE(head.is_upgrade());
}

}  // namespace
}  // namespace pixell::net
