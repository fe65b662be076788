#include "edge/mirror.hpp"

#include <gtest/gtest.h>

#include <optional>

#include "edge/limits.hpp"
#include "net/reply.hpp"
#include "net/testing/raw_peer.hpp"
#include "net/testing/wire_fixture.hpp"

namespace pixell::edge {
namespace {

using net::fixture::eventually;

net::ResponseHead ok_head() {
  net::ResponseHead head;
  head.headers.add("content-type", "text/plain");
  return head;
}

// The test is the original's side; the mirror is a server on the same loop.
class MirrorTest : public ::testing::Test {
 protected:
  // The mirror answers with `status` and `body` once it has the whole request.
  void start(int status, std::string body) {
    mirror_ = std::make_unique<net::fixture::LoopbackServer>(
        driver_.loop(), [this, status, body](net::ServerStream& stream) {
          auto script = std::make_unique<net::fixture::Script>(driver_);
          seen_ = stream.request();
          script->data = [this](std::string_view bytes) { seen_body_ += bytes; };
          script->end = [&stream, status, body](const net::Headers&) {
            net::send_reply(stream, status, "text/plain", body);
          };
          script->abort = [this](net::AbortReason) { is_broken_off_ = true; };
          return script;
        });
  }
  // The mirror takes the request and never answers.
  void start_silent() {
    mirror_ = std::make_unique<net::fixture::LoopbackServer>(
        driver_.loop(), [this](net::ServerStream& stream) {
          auto script = std::make_unique<net::fixture::Script>(driver_);
          seen_ = stream.request();
          script->abort = [this](net::AbortReason) { is_broken_off_ = true; };
          return script;
        });
  }
  std::shared_ptr<MirrorCopy> begin(net::RequestHead head = net::fixture::request("POST", "/x")) {
    return mirrors_.begin({.app_id = "hello",
                           .original_revision = 1,
                           .target = mirror_->address(),
                           .head = std::move(head),
                           .max_body_bytes = 100,
                           .tally = tally_,
                           .started = clock_.now()});
  }
  // An exchange of the original from its beginning to its end.
  void exchange(const std::string& request, const std::string& reply) {
    const auto copy = begin();
    ASSERT_NE(copy, nullptr);
    copy->request_data(request);
    copy->request_end({});
    copy->reply_head(ok_head());
    copy->reply_data(reply);
    copy->original_over(true, -1);
  }
  // The mirror's server waits a little for a client that only shut its side.
  bool is_broken_off() {
    return eventually(driver_, [this] {
      clock_.advance(net::kHalfCloseGrace);
      return is_broken_off_;
    });
  }
  bool is_over() {
    return eventually(driver_, [this] { return mirrors_.under_way() == 0; });
  }

  FakeClock clock_;
  net::fixture::Driver driver_{clock_};
  std::optional<net::RequestHead> seen_;
  std::string seen_body_;
  bool is_broken_off_ = false;
  std::shared_ptr<MirrorTally> tally_ = std::make_shared<MirrorTally>(2);
  std::unique_ptr<net::fixture::LoopbackServer> mirror_;
  net::HttpClient client_{driver_.loop()};
  Mirrors mirrors_{driver_.loop(), client_, Log(2, LogLevel::Error)};
};

TEST_F(MirrorTest, SendsTheSameRequestMarkedAndCountsTheSameAnswer) {
  start(200, "fine");
  exchange("payload", "fine");

  ASSERT_TRUE(is_over());
  EXPECT_EQ(seen_->method, "POST");
  EXPECT_EQ(seen_->target, "/x");
  EXPECT_EQ(seen_->headers.get("x-pixell-mirror"), "1");
  EXPECT_EQ(seen_body_, "payload");
  EXPECT_EQ(tally_->mirrored, 1);
  EXPECT_EQ(tally_->same, 1);
}

TEST_F(MirrorTest, CountsAnotherStatus) {
  start(500, "fine");
  exchange("payload", "fine");

  ASSERT_TRUE(is_over());
  EXPECT_EQ(tally_->differs_status, 1);
  EXPECT_EQ(tally_->same, 0);
}

TEST_F(MirrorTest, CountsAnotherBody) {
  start(200, "else");
  exchange("payload", "fine");

  ASSERT_TRUE(is_over());
  EXPECT_EQ(tally_->differs_body, 1);
}

TEST_F(MirrorTest, WaitsForTheOriginalToCompare) {
  start(200, "fine");
  const auto copy = begin();
  copy->request_end({});
  ASSERT_TRUE(eventually(driver_, [this] { return tally_->mirrored == 1 && seen_.has_value(); }));
  driver_.settle();
  EXPECT_EQ(mirrors_.under_way(), 1U);
  copy->reply_head(ok_head());
  copy->reply_data("fine");
  copy->original_over(true, -1);

  ASSERT_TRUE(is_over());
  EXPECT_EQ(tally_->same, 1);
}

TEST_F(MirrorTest, DropsARequestOverTheCap) {
  start(200, "fine");
  exchange(std::string(101, 'x'), "fine");
  EXPECT_EQ(tally_->dropped, 1);

  net::RequestHead head = net::fixture::request("POST", "/x");
  head.headers.add("content-length", "101");
  EXPECT_EQ(begin(std::move(head)), nullptr);
  EXPECT_EQ(tally_->dropped, 2);
  EXPECT_EQ(tally_->mirrored, 0);
}

TEST_F(MirrorTest, DropsADialogue) {
  start(200, "fine");
  const auto copy = begin();
  copy->request_data("first");
  copy->reply_head(ok_head());
  copy->request_data("second");
  copy->request_end({});
  copy->original_over(true, -1);

  EXPECT_TRUE(is_over());
  EXPECT_EQ(tally_->dropped, 1);
  EXPECT_EQ(tally_->mirrored, 0);
}

TEST_F(MirrorTest, DropsWhatHasNoOriginalToCompareWith) {
  start_silent();
  const auto copy = begin();
  copy->request_end({});
  ASSERT_TRUE(eventually(driver_, [this] { return seen_.has_value(); }));
  copy->original_over(false, -1);

  EXPECT_EQ(mirrors_.under_way(), 0U);
  EXPECT_EQ(tally_->dropped, 1);
  EXPECT_TRUE(is_broken_off());
}

TEST_F(MirrorTest, FailsWhenTheMirrorDoesNotAnswerInTime) {
  start_silent();
  exchange("payload", "fine");
  ASSERT_TRUE(eventually(driver_, [this] { return seen_.has_value(); }));
  clock_.advance(kMirrorTimeout);

  ASSERT_TRUE(is_over());
  EXPECT_EQ(tally_->failed, 1);
  EXPECT_TRUE(is_broken_off());
}

TEST_F(MirrorTest, FailsWhenTheMirrorIsNotThere) {
  start(200, "fine");
  mirror_.reset();
  const auto copy = mirrors_.begin({.app_id = "hello",
                                    .target = {"unix:/nowhere/mirror.sock"},
                                    .head = net::fixture::request("GET", "/x"),
                                    .tally = tally_});
  copy->request_end({});
  copy->reply_head(ok_head());
  copy->original_over(true, -1);

  ASSERT_TRUE(is_over());
  EXPECT_EQ(tally_->failed, 1);
}

TEST_F(MirrorTest, ReadsNoMoreOfAReplyThanIsCompared) {
  start(200, std::string(2 * kMaxMirrorReplyBytes, 'x'));
  exchange("payload", std::string(2 * kMaxMirrorReplyBytes, 'x'));

  ASSERT_TRUE(is_over());
  EXPECT_EQ(tally_->same, 1);
}

TEST_F(MirrorTest, ComparesStreamsThatGoOnAsFarAsTheyCame) {
  mirror_ = std::make_unique<net::fixture::LoopbackServer>(
      driver_.loop(), [this](net::ServerStream& stream) {
        seen_ = stream.request();
        stream.send_head(ok_head(), false);
        stream.send_data("one");
        return std::make_unique<net::fixture::Script>(driver_);
      });
  const auto copy = begin();
  copy->request_end({});
  copy->reply_head(ok_head());
  copy->reply_data("one, two");
  ASSERT_TRUE(eventually(driver_, [this] { return seen_.has_value(); }));
  driver_.settle();
  clock_.advance(kMirrorTimeout);

  ASSERT_TRUE(is_over());
  EXPECT_EQ(tally_->same, 1);
  copy->original_over(true, -1);
}

TEST_F(MirrorTest, HoldsNoMoreThanItsNumberAtOnce) {
  start_silent();
  std::vector<std::shared_ptr<MirrorCopy>> copies;
  for (std::size_t i = 0; i < kMaxMirrorsPerLoop; ++i) copies.push_back(begin());

  EXPECT_EQ(begin(), nullptr);
  EXPECT_EQ(tally_->dropped, 1);
  copies.front()->original_over(false, -1);
  EXPECT_NE(begin(), nullptr);
}

TEST(MirrorPick, TakesItsShareButNoUpgrade) {
  const model::Mirror mirror{.revision = 2, .permille = 100};
  net::RequestHead head = net::fixture::request("GET", "/");
  int picked = 0;
  for (std::uint64_t dice = 0; dice < 10'000; ++dice)
    picked += Mirrors::picks(mirror, head, dice) ? 1 : 0;
  EXPECT_EQ(picked, 1000);
  EXPECT_FALSE(Mirrors::picks({}, head, 0));

  head.headers.add("connection", "Upgrade");
  head.headers.add("upgrade", "websocket");
  EXPECT_FALSE(Mirrors::picks(mirror, head, 0));
}

}  // namespace
}  // namespace pixell::edge
