#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/limits.hpp"
#include "net/reply.hpp"
#include "net/testing/http2_fixture.hpp"

// Who is held back by whom over HTTP/2, and that others pass.

namespace pixell::net {
namespace {

using namespace fixture;

constexpr std::size_t kBig = 10 * 1024 * 1024;
/// What may be on its way when a reader stops: both queues, a window, socket buffers of loopback.
constexpr std::size_t kInFlight = 1024 * 1024;

TEST_F(Http2, HoldsAFastAnswerBackForASlowReader) {
  const std::string text = pattern(kBig);
  std::unique_ptr<Pump> pump;
  serve([&](ServerStream& stream) {
    stream.send_head({}, false);
    pump = std::make_unique<Pump>(stream, text);
    auto handler = script();
    handler->end = [&](const Headers&) { pump->run(); };
    handler->writable = [&] { pump->run(); };
    return handler;
  });
  Answer answer(driver);

  ClientStream& stream = open(request("GET", "/"), answer);
  stream.finish();
  stream.pause();
  ASSERT_TRUE(driver.until([&] { return answer.size > 0; }));
  driver.settle();
  const std::size_t held = answer.size;
  const std::size_t sent = pump->sent();
  stream.resume();

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  EXPECT_LE(held, kH2InitialWindow);
  EXPECT_LE(sent, kInFlight);
  EXPECT_TRUE(answer.body == text);
}

TEST_F(Http2, HoldsAFastUploadBackForASlowHandler) {
  const std::string text = pattern(kBig);
  std::string got;
  ServerStream* front = nullptr;
  serve([&](ServerStream& stream) {
    front = &stream;
    stream.pause();
    auto handler = script();
    handler->data = [&got](std::string_view bytes) { got += bytes; };
    handler->end = [s = &stream](const Headers&) { send_json(*s, 200, "{}"); };
    return handler;
  });
  Answer answer(driver);

  Pump pump(open(request("PUT", "/"), answer), text);
  answer.writable = [&] { pump.run(); };
  pump.run();
  ASSERT_TRUE(driver.until([&] { return !got.empty(); }));
  driver.settle();
  const std::size_t held = got.size();
  const std::size_t sent = pump.sent();
  front->resume();

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  EXPECT_LE(held, kH2InitialWindow);
  EXPECT_LE(sent, kInFlight);
  EXPECT_TRUE(got == text);
}

TEST_F(Http2, LetsOtherStreamsPassAHeldOne) {
  constexpr int kHeld = 40;  // together more than the window of the connection
  const std::string text(kH2InitialWindow, 'x');
  serve([&](ServerStream& stream) {
    if (stream.request().target == "/held") {
      stream.pause();
      return std::unique_ptr<StreamHandler>(script());
    }
    auto handler = script();
    handler->end = [s = &stream](const Headers&) { send_json(*s, 200, "{}"); };
    return std::unique_ptr<StreamHandler>(std::move(handler));
  });
  std::vector<std::unique_ptr<Answer>> held;
  for (int i = 0; i < kHeld; ++i) {
    held.push_back(std::make_unique<Answer>(driver));
    open(request("POST", "/held"), *held.back()).send_data(text);
  }
  Answer answer(driver);

  ClientStream& stream = open(request("POST", "/free"), answer);
  stream.send_data(text);
  stream.finish();

  ASSERT_TRUE(driver.until([&] { return answer.is_over(); }));
  EXPECT_EQ(answer.status(), 200);
}

}  // namespace
}  // namespace pixell::net
