#include "net/blocking_service.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.hpp"
#include "net/limits.hpp"
#include "net/testing/wire_fixture.hpp"

namespace pixell::net {
namespace {

using namespace fixture;

constexpr Millis kPatience{20'000};

/// A blocking handler behind a server; clients speak HTTP/1 or HTTP/2 to it.
class BlockingService : public ::testing::TestWithParam<Protocol> {
 protected:
  void serve(BlockingHandler handler) {
    service_ = make_blocking_service(driver.loop(), pool, std::move(handler));
    server_ = std::make_unique<LoopbackServer>(
        driver.loop(), [this](ServerStream& stream) { return service_->on_request(stream); });
  }
  ClientStream& open(const RequestHead& head, Answer& answer) {
    return client.open(server_->address(), GetParam(), head, answer);
  }
  // The pool's last jobs post to the loop: they end before it does.
  void TearDown() override { pool.stop(); }

  Driver driver;
  ThreadPool pool{2};
  std::unique_ptr<Service> service_;
  std::unique_ptr<LoopbackServer> server_;
  HttpClient client{driver.loop()};
};

std::string protocol_name(const ::testing::TestParamInfo<Protocol>& info) {
  return info.param == Protocol::Http1 ? "Http1" : "Http2";
}
INSTANTIATE_TEST_SUITE_P(Over, BlockingService, ::testing::Values(Protocol::Http1, Protocol::Http2),
                         protocol_name);

TEST_P(BlockingService, AnswersARequest) {
  std::string target;
  serve([&](const RequestHead& head, BodyReader& body, ReplyWriter& reply) {
    target = head.target;
    const Result<std::string> all = body.read_all(100, kPatience);
    reply.reply({.status = 201, .headers = {}}, all ? "got " + *all : all.error().message);
  });
  Answer answer(driver);

  ClientStream& stream = open(request("POST", "/x?y"), answer);
  stream.send_data("this");
  stream.finish();

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  EXPECT_EQ(target, "/x?y");
  EXPECT_EQ(answer.status(), 201);
  EXPECT_EQ(answer.body, "got this");
  EXPECT_EQ(answer.head->headers.get("content-length"), "8");
}

TEST_P(BlockingService, ReadsALongUploadWithinBounds) {
  const std::string text = pattern(5 * 1024 * 1024);
  std::string got;
  std::size_t largest = 0;
  std::promise<void> may_read;
  serve([&](const RequestHead&, BodyReader& body, ReplyWriter& reply) {
    may_read.get_future().wait();
    while (true) {
      const Result<std::string> piece = body.read(kPatience);
      if (!piece) return reply.reply({.status = 500, .headers = {}}, piece.error().message);
      if (piece->empty()) break;
      largest = std::max(largest, piece->size());
      got += *piece;
    }
    reply.reply({}, "done");
  });
  Answer answer(driver);

  Pump pump(open(request("PUT", "/"), answer), text);
  answer.writable = [&] { pump.run(); };
  pump.run();
  for (int i = 0; i < 50; ++i) driver.settle();  // the handler does not read yet
  may_read.set_value();

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  EXPECT_EQ(answer.body, "done");
  EXPECT_TRUE(got == text);
  EXPECT_LE(largest, kBlockingBodyBytes + 2 * kH2InitialWindow);
}

TEST_P(BlockingService, RefusesABodyOverTheLimit) {
  std::optional<Error> error;
  serve([&](const RequestHead&, BodyReader& body, ReplyWriter& reply) {
    const Result<std::string> all = body.read_all(1000, kPatience);
    if (!all) error = all.error();
    reply.reply({.status = 413, .headers = {}}, "too long");
  });
  Answer answer(driver);

  ClientStream& stream = open(request("POST", "/"), answer);
  stream.send_data(std::string(1001, 'x'));
  stream.finish();

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  EXPECT_EQ(answer.status(), 413);
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code, ErrorCode::ResourceExhausted);
  EXPECT_NE(error->message.find("1000"), std::string::npos);
}

TEST_P(BlockingService, DoesNotWaitForABodyForEver) {
  std::optional<Error> error;
  serve([&](const RequestHead&, BodyReader& body, ReplyWriter& reply) {
    const Result<std::string> piece = body.read(Millis(1));
    if (!piece) error = piece.error();
    reply.reply({.status = 408, .headers = {}}, "");
  });
  Answer answer(driver);

  open(request("POST", "/"), answer);

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  EXPECT_EQ(answer.status(), 408);
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code, ErrorCode::DeadlineExceeded);
}

TEST_P(BlockingService, StreamsEvents) {
  constexpr int kEvents = 200;
  serve([&](const RequestHead&, BodyReader&, ReplyWriter& reply) {
    ResponseHead head;
    head.headers.add("content-type", "text/event-stream");
    reply.start(head);
    for (int i = 0; i < kEvents; ++i)
      if (!reply.write("data: " + std::to_string(i) + "\n\n")) return;
    reply.finish();
  });
  Answer answer(driver);
  std::string expected;
  for (int i = 0; i < kEvents; ++i) expected += "data: " + std::to_string(i) + "\n\n";

  open(request("GET", "/"), answer).finish();

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  EXPECT_EQ(answer.head->headers.get("content-type"), "text/event-stream");
  EXPECT_TRUE(answer.ended);
  EXPECT_EQ(answer.body, expected);
}

TEST_P(BlockingService, HoldsTheWriterBackForASlowReader) {
  constexpr std::size_t kPieces = 2000;
  const std::string piece(16 * 1024, 'p');
  std::atomic<std::size_t> written{0};
  serve([&](const RequestHead&, BodyReader&, ReplyWriter& reply) {
    reply.start({});
    for (std::size_t i = 0; i < kPieces; ++i) {
      if (!reply.write(piece)) return;
      ++written;
    }
    reply.finish();
  });
  Answer answer(driver);
  answer.keeps_body = false;

  ClientStream& stream = open(request("GET", "/"), answer);
  stream.finish();
  stream.pause();
  ASSERT_TRUE(driver.until([&] { return answer.status() == 200; }));
  for (int i = 0; i < 50; ++i) driver.settle();
  const std::size_t held = written * piece.size();
  stream.resume();

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  EXPECT_LT(held, kPieces * piece.size());
  EXPECT_EQ(answer.size, kPieces * piece.size());
}

TEST_P(BlockingService, TellsAWriterThatTheClientWentAway) {
  std::promise<ErrorCode> ended;
  std::promise<bool> gone;
  serve([&](const RequestHead&, BodyReader&, ReplyWriter& reply) {
    reply.start({});
    while (true) {
      const Result<void> written = reply.write("data: more\n\n");
      if (written) continue;
      gone.set_value(reply.client_gone());
      ended.set_value(written.error().code);
      return;
    }
  });
  Answer answer(driver);

  ClientStream& stream = open(request("GET", "/"), answer);
  stream.finish();
  ASSERT_TRUE(driver.until([&] { return answer.size > 0; }));
  stream.reset(ResetCode::Cancel);
  auto result = ended.get_future();
  ASSERT_TRUE(driver.until([&] {
    driver.loop().post([&] { driver.changed(); });
    return result.wait_for(Millis(0)) == std::future_status::ready;
  }));

  EXPECT_EQ(result.get(), ErrorCode::Cancelled);
  EXPECT_TRUE(gone.get_future().get());
}

TEST_P(BlockingService, TellsAReaderThatTheClientWentAway) {
  std::promise<ErrorCode> ended;
  std::atomic<bool> is_reading{false};
  serve([&](const RequestHead&, BodyReader& body, ReplyWriter&) {
    while (true) {
      const Result<std::string> piece = body.read(kPatience);
      is_reading = true;
      if (piece && !piece->empty()) continue;
      ended.set_value(piece ? ErrorCode::Unknown : piece.error().code);
      return;
    }
  });
  Answer answer(driver);

  ClientStream& stream = open(request("POST", "/"), answer);
  stream.send_data("start");
  ASSERT_TRUE(driver.until([&] {
    driver.loop().post([&] { driver.changed(); });
    return is_reading.load();
  }));
  stream.reset(ResetCode::Cancel);
  auto result = ended.get_future();
  ASSERT_TRUE(driver.until([&] {
    driver.loop().post([&] { driver.changed(); });
    return result.wait_for(Millis(0)) == std::future_status::ready;
  }));

  EXPECT_EQ(result.get(), ErrorCode::Cancelled);
}

TEST_P(BlockingService, AnswersForAHandlerThatDoesNot) {
  serve([](const RequestHead&, BodyReader&, ReplyWriter&) {});
  Answer answer(driver);

  open(request("GET", "/"), answer).finish();

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  EXPECT_EQ(answer.status(), 500);
}

TEST_P(BlockingService, CutsAnAnswerThatBreaksOff) {
  serve([](const RequestHead&, BodyReader&, ReplyWriter& reply) {
    reply.start({});
    EXPECT_TRUE(reply.write("half of "));
  });
  Answer answer(driver);

  open(request("GET", "/"), answer).finish();

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  EXPECT_FALSE(answer.ended);
  EXPECT_EQ(answer.reason, AbortReason::PeerClosed);
}

TEST_P(BlockingService, RefusesWhenThePoolIsFull) {
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  std::atomic<int> running{0};
  for (std::size_t i = 0; i < 2; ++i)
    ASSERT_TRUE(pool.submit([&running, released] {
      ++running;
      released.wait();
    }));
  ASSERT_TRUE(driver.until([&] {
    driver.loop().post([&] { driver.changed(); });
    return running == 2;
  }));
  for (std::size_t i = 0; i < kMaxQueuedJobs; ++i) ASSERT_TRUE(pool.submit([] {}));
  serve([](const RequestHead&, BodyReader&, ReplyWriter& reply) { reply.reply({}, "late"); });
  Answer answer(driver);

  open(request("GET", "/"), answer).finish();
  const bool answered = driver.until([&] { return answer.is_over(); });
  release.set_value();

  ASSERT_TRUE(answered);
  EXPECT_EQ(answer.status(), 503);
  EXPECT_TRUE(answer.head->headers.has("retry-after"));
}

}  // namespace
}  // namespace pixell::net
