#include "net/client/http_fetch.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "net/client/libcurl.hpp"
#include "net/testing/fetch_fixture.hpp"

namespace pixell::net {
namespace {

using namespace fixture;

class HttpFetch : public FetchTest {
 protected:
  FetchRequest get(const std::string& target) const {
    FetchRequest fetch;
    fetch.url = "http://127.0.0.1:" + std::to_string(server_->port()) + target;
    return fetch;
  }
};

ErrorCode code_of(const Result<FetchReply>& reply) {
  return reply ? ErrorCode(0) : reply.error().code;
}

TEST_F(HttpFetch, GetsAReply) {
  const Result<FetchReply> reply = fetch(get("/a/../b?c=d"));

  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->status, 203);
  EXPECT_EQ(reply->body, "GET /a/../b?c=d ");
  EXPECT_EQ(reply->header("content-type"), "text/plain");
  EXPECT_EQ(reply->header("none"), std::nullopt);
}

TEST_F(HttpFetch, SendsMethodHeadersAndBody) {
  FetchRequest post = get("/p");
  post.method = "POST";
  post.body = std::string(300'000, 'p');
  post.headers = {{"X-Custom", "yes"}, {"Content-Type", "application/json"}};
  FetchRequest bare = get("/p");
  bare.method = "POST";
  FetchRequest remove = get("/d");
  remove.method = "DELETE";
  FetchRequest head = get("/h");
  head.method = "HEAD";

  const Result<FetchReply> posted = fetch(post);
  const Result<FetchReply> posted_bare = fetch(bare);
  const Result<FetchReply> removed = fetch(remove);
  const Result<FetchReply> headed = fetch(head);

  ASSERT_TRUE(posted && posted_bare && removed && headed);
  EXPECT_EQ(posted->body, "POST /p " + post.body);
  EXPECT_EQ(posted->header("x-type"), "application/json");
  EXPECT_EQ(posted->header("x-custom"), "yes");
  EXPECT_EQ(posted_bare->body, "POST /p ");
  EXPECT_EQ(posted_bare->header("x-type"), "none");
  EXPECT_EQ(removed->body, "DELETE /d ");
  EXPECT_EQ(headed->status, 203);
  EXPECT_EQ(headed->body, "");
}

TEST_F(HttpFetch, SpeaksThroughAUnixSocket) {
  FetchRequest request;
  request.url = "http://localhost/x";
  request.unix_socket = socket_.string();

  const Result<FetchReply> reply = fetch(request);

  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->header("x-peer"), "local");
}

TEST_F(HttpFetch, FollowsRedirectsOnlyWhenAsked) {
  FetchRequest none = get("/redirect");
  FetchRequest one = get("/redirect");
  one.max_redirects = 1;
  FetchRequest endless = get("/redirect?/redirect?/redirect?/there");
  endless.max_redirects = 1;
  FetchRequest elsewhere = get("/redirect?file:///etc/hostname");
  elsewhere.max_redirects = 3;

  const Result<FetchReply> kept = fetch(none);
  const Result<FetchReply> followed = fetch(one);
  const Result<FetchReply> too_far = fetch(endless);
  const Result<FetchReply> refused = fetch(elsewhere);

  ASSERT_TRUE(kept && followed);
  EXPECT_EQ(kept->status, 302);
  EXPECT_EQ(kept->header("location"), "/there");
  EXPECT_EQ(followed->status, 203);
  EXPECT_EQ(followed->body, "GET /there ");
  EXPECT_EQ(followed->header("location"), std::nullopt);
  EXPECT_EQ(code_of(too_far), ErrorCode::FailedPrecondition);
  EXPECT_EQ(code_of(refused), ErrorCode::InvalidArgument);
}

TEST_F(HttpFetch, LimitsTheBody) {
  FetchRequest small = get("/big");
  small.max_body_bytes = 99'999;
  FetchRequest enough = get("/big");
  enough.max_body_bytes = 100'000;

  const Result<FetchReply> over = fetch(small);
  const Result<FetchReply> whole = fetch(enough);

  EXPECT_EQ(code_of(over), ErrorCode::ResourceExhausted);
  EXPECT_NE(over.error().message.find("99999"), std::string::npos);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->body.size(), 100'000u);
}

TEST_F(HttpFetch, GivesTheBodyToASink) {
  std::string got;
  FetchRequest request = get("/big");
  request.sink = [&got](std::string_view bytes) -> Result<void> {
    got += bytes;
    return {};
  };
  FetchRequest full = get("/big");
  full.sink = [](std::string_view) -> Result<void> {
    return make_error(ErrorCode::DataLoss, "the disk is full");
  };

  const Result<FetchReply> reply = fetch(request);
  const Result<FetchReply> failed = fetch(full);

  ASSERT_TRUE(reply);
  EXPECT_EQ(got.size(), 100'000u);
  EXPECT_EQ(reply->body, "");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::DataLoss);
  EXPECT_EQ(failed.error().message, "the disk is full");
}

TEST_F(HttpFetch, KeepsTheBeginningOfARefusalFromTheSink) {
  bool is_used = false;
  FetchRequest request = get("/refused");
  request.sink = [&is_used](std::string_view) -> Result<void> {
    is_used = true;
    return {};
  };

  const Result<FetchReply> reply = fetch(request);

  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 404);
  EXPECT_FALSE(is_used);
  EXPECT_EQ(reply->body.substr(0, 5), "why b");
  EXPECT_EQ(reply->body.size(), 64U * 1024);
}

TEST_F(HttpFetch, AsksBeforeItConnects) {
  std::vector<std::string> asked;
  FetchRequest request = get("/");
  request.allow_address = [&asked](std::string_view address) -> Result<void> {
    asked.emplace_back(address);
    return make_error(ErrorCode::PermissionDenied, "a private address");
  };
  FetchRequest allowed = get("/");
  allowed.allow_address = [](std::string_view) -> Result<void> { return {}; };

  const Result<FetchReply> refused = fetch(request);
  const int served = served_;
  const Result<FetchReply> reply = fetch(allowed);

  EXPECT_EQ(code_of(refused), ErrorCode::PermissionDenied);
  EXPECT_EQ(refused.error().message, "a private address");
  EXPECT_EQ(asked, std::vector<std::string>{"127.0.0.1"});
  EXPECT_EQ(served, 0);
  EXPECT_TRUE(reply);
}

TEST_F(HttpFetch, EndsAtItsDeadline) {
  FetchRequest request = get("/never");
  request.timeout = Millis(50);

  const Result<FetchReply> reply = fetch(request);

  EXPECT_EQ(code_of(reply), ErrorCode::DeadlineExceeded);
  EXPECT_EQ(reply.error().retry, Retry::Later);
}

TEST_F(HttpFetch, EndsWhenNothingMoves) {
  for (const char* target : {"/never", "/stall"}) {
    FetchRequest request = get(target);
    request.timeout = Millis(600'000);
    request.stall_timeout = Millis(1);

    const Result<FetchReply> reply = fetch(request);

    EXPECT_EQ(code_of(reply), ErrorCode::DeadlineExceeded) << target;
  }
}

TEST_F(HttpFetch, CanBeCancelled) {
  std::stop_source source;
  FetchRequest request = get("/never");
  request.stop = source.get_token();
  std::thread canceller([&] {
    while (served_ == 0) std::this_thread::yield();
    source.request_stop();
  });

  const Result<FetchReply> running = fetch(request);
  canceller.join();
  const Result<FetchReply> late = fetch(request);

  EXPECT_EQ(code_of(running), ErrorCode::Cancelled);
  EXPECT_EQ(code_of(late), ErrorCode::Cancelled);
  EXPECT_EQ(served_, 1);
}

TEST_F(HttpFetch, TellsWhenNobodyListens) {
  FetchRequest tcp;
  {
    UniqueFd free_port = listen_tcp("127.0.0.1", 0).value();
    tcp.url =
        "http://user:secret@127.0.0.1:" + std::to_string(bound_port(free_port.get()).value()) +
        "/?token=secret";
  }
  FetchRequest local;
  local.url = "http://localhost/";
  local.unix_socket = (directory_ / "none").string();

  const Result<FetchReply> refused = fetch(tcp);
  const Result<FetchReply> missing = fetch(local);

  EXPECT_EQ(code_of(refused), ErrorCode::Unavailable);
  EXPECT_EQ(refused.error().message.find("secret"), std::string::npos);
  EXPECT_EQ(code_of(missing), ErrorCode::Unavailable);
}

TEST_F(HttpFetch, RefusesMalformedRequests) {
  FetchRequest scheme;
  scheme.url = "file:///etc/hostname";
  FetchRequest header = get("/");
  header.headers = {{"X-A", "b\r\nX-Evil: c"}};

  EXPECT_EQ(code_of(fetch(scheme)), ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(fetch(header)), ErrorCode::InvalidArgument);
  EXPECT_EQ(served_, 0);
}

TEST(LibCurlFile, IsRefusedWhenItIsAbsentOrIsNoLibCurl) {
  for (const char* file : {"libcurl-of-another-system.so", "libm.so.6"}) {
    const auto loaded = load_libcurl(file);
    ASSERT_FALSE(loaded) << file;
    EXPECT_EQ(loaded.error().code, ErrorCode::FailedPrecondition);
    EXPECT_NE(loaded.error().message.find(file), std::string::npos) << loaded.error().message;
  }
}

}  // namespace
}  // namespace pixell::net
