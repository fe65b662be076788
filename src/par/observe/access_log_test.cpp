#include "par/observe/access_log.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/limits.hpp"
#include "base/testing/fake_clock.hpp"
#include "base/unique_fd.hpp"

namespace pixell::par {
namespace {

using nlohmann::json;

class AccessLogTest : public ::testing::Test {
 protected:
  AccessLogTest() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    read_.reset(ends[0]);
    write_.reset(ends[1]);
    loop_ = std::move(*net::EventLoop::create(clock_));
    std::memcpy(trace_.trace_id.data(), "0af7651916cd43dd8448eb211c80319c", 32);
    std::memcpy(trace_.span_id.data(), "b7ad6b7169203331", 16);
    trace_.request_id = "request-1";
  }

  // The lines that are there when writer and log have ended.
  template <class Use>
  std::vector<std::string> lines_of(Use use, LogLevel least = LogLevel::Info) {
    std::string text;
    std::thread reader;
    {
      LogWriter writer(write_.get());
      {
        AccessLog log(*loop_, writer, Log(write_.get(), least, clock_).with("agentAppId", "a"));
        use(log);
        reader = std::thread([&] {
          char piece[8192];
          for (ssize_t size; (size = ::read(read_.get(), piece, sizeof piece)) > 0;)
            text.append(piece, static_cast<std::size_t>(size));
        });
      }
    }
    write_.reset();
    reader.join();
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
  }
  AccessRecord request() const {
    return {.ended_at = clock_.now(),
            .method = "GET",
            .path = "/agents/a/api/x",
            .status = 200,
            .took = std::chrono::microseconds(12'345),
            .trace = trace_};
  }

  FakeClock clock_;
  std::unique_ptr<net::EventLoop> loop_;
  UniqueFd read_, write_;
  TraceContext trace_;
};

TEST_F(AccessLogTest, HasTheFieldsOfARequest) {
  const auto lines = lines_of([&](AccessLog& log) {
    log.write(request());
    AccessRecord call = request();
    call.grpc_status = "14";
    log.write(call);
  });

  ASSERT_EQ(lines.size(), 2u);
  const std::string common =
      R"({"event":"Request processed","level":"info","timestamp":"2023-11-14T22:13:20.000Z",)"
      R"("agentAppId":"a","method":"GET","url":"/agents/a/api/x","status_code":200,)"
      R"("process_time":0.012345,"trace_id":"0af7651916cd43dd8448eb211c80319c",)"
      R"("span_id":"b7ad6b7169203331","request_id":"request-1")";
  EXPECT_EQ(lines[0], common + "}");
  EXPECT_EQ(lines[1], common + R"(,"grpc_status":"14"})");
}

TEST_F(AccessLogTest, IsJsonInOneLineWhateverTheTextsHold) {
  const std::string wild = "/\"\\\n\xff" + std::string(5000, '"');
  const auto lines = lines_of([&](AccessLog& log) {
    AccessRecord record = request();
    record.path = record.method = record.grpc_status = wild;
    log.write(record);
  });

  ASSERT_EQ(lines.size(), 1u);
  EXPECT_LT(lines[0].size(), kMaxLogLine);
  EXPECT_TRUE(json::parse(lines[0]).at("url").get<std::string>().starts_with("/\"\\\n"));
}

TEST_F(AccessLogTest, WritesNothingWhenInfosAreNotWanted) {
  EXPECT_TRUE(lines_of([&](AccessLog& log) { log.write(request()); }, LogLevel::Warning).empty());
}

// Nobody reads while the requests come: none waits for the log, and it tells what it has left out.
TEST_F(AccessLogTest, DropsAndCountsWhatAStoppedReaderDoesNotTake) {
  constexpr std::size_t kRequests = 20'000;
  const auto lines = lines_of([&](AccessLog& log) {
    for (std::size_t i = 0; i < kRequests; ++i) log.write(request());
  });

  // More than once, when the writer got some of them out meanwhile.
  std::size_t left_out = 0;
  std::size_t notices = 0;
  for (const std::string& line : lines) {
    const json told = json::parse(line);
    if (told.value("event", "") != "Access log lines dropped") continue;
    EXPECT_EQ(told.at("level"), "warning");
    left_out += told.at("lines").get<std::size_t>();
    ++notices;
  }
  EXPECT_GT(left_out, 0u);
  EXPECT_EQ(left_out + lines.size() - notices, kRequests);
}

}  // namespace
}  // namespace pixell::par
