#include "edge/access_log.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "base/limits.hpp"
#include "base/testing/fake_clock.hpp"
#include "base/unique_fd.hpp"
#include "base/utf8.hpp"
#include "edge/limits.hpp"

namespace pixell::edge {
namespace {

using nlohmann::json;
using Lines = AccessLogChoice::Lines;

TEST(AccessLogChoice, IsReadFromItsText) {
  EXPECT_EQ(*access_log_choice("all"), AccessLogChoice{});
  EXPECT_EQ(access_log_choice("errors")->lines, Lines::Errors);
  EXPECT_EQ(access_log_choice("none")->lines, Lines::None);
  EXPECT_EQ(*access_log_choice("1/100"), (AccessLogChoice{.lines = Lines::Sampled, .one_of = 100}));
  for (const char* wrong : {"", "some", "1/", "1/1", "1/0", "2/3", "1/-5", "1/10x", "1/1000001",
                            "1/99999999999999999999"}) {
    const auto choice = access_log_choice(wrong);
    ASSERT_FALSE(choice) << wrong;
    EXPECT_EQ(choice.error().code, ErrorCode::InvalidArgument);
    EXPECT_NE(choice.error().message.find(wrong), std::string::npos);
  }
}

class AccessLogTest : public ::testing::Test {
 protected:
  AccessLogTest() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    read_.reset(ends[0]);
    write_.reset(ends[1]);
    EXPECT_GE(::fcntl(write_.get(), F_SETPIPE_SZ, 1024 * 1024), 0);
    loop_ = std::move(*net::EventLoop::create(clock_));
  }

  // The lines of what `use` writes to a log of that choice.
  template <class Use>
  std::vector<std::string> lines_of(Use use, AccessLogChoice choice = {},
                                    LogLevel least = LogLevel::Info) {
    {
      LogWriter writer(write_.get());
      AccessLog log(*loop_, writer, Log(write_.get(), least, clock_).with("role", "edge"), choice,
                    3);
      use(log);
    }
    write_.reset();
    std::string text;
    char piece[8192];
    for (ssize_t size; (size = ::read(read_.get(), piece, sizeof piece)) > 0;)
      text.append(piece, static_cast<std::size_t>(size));
    EXPECT_TRUE(text.empty() || text.back() == '\n');
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
  }
  std::string line_of(const AccessRecord& record) {
    const auto lines = lines_of([&](AccessLog& log) { log.write(record); });
    EXPECT_EQ(lines.size(), 1u);
    return lines.empty() ? "" : lines[0];
  }
  AccessRecord request() const {
    return {.ended_at = clock_.now(),
            .took = std::chrono::microseconds(12'345),
            .to_head = std::chrono::microseconds(1'002),
            .app_id = "hello",
            .revision = 7,
            .method = "GET",
            .path = "/agents/hello/api/x",
            .status = 200,
            .bytes_in = 0,
            .bytes_out = 4096,
            .request_id = "01J0000000000000000000000",
            .target = "unix:/run/a.sock"};
  }

  FakeClock clock_;
  std::unique_ptr<net::EventLoop> loop_;
  UniqueFd read_, write_;
};

TEST_F(AccessLogTest, HasFixedFieldsInAFixedOrder) {
  EXPECT_EQ(line_of(request()),
            R"({"event":"request","level":"info","timestamp":"2023-11-14T22:13:20.000Z",)"
            R"("role":"edge","loop":3,"agentAppId":"hello","revision":7,"method":"GET",)"
            R"("path":"/agents/hello/api/x","status":200,"ms":12.345,"bytes_in":0,)"
            R"("bytes_out":4096,"end":"complete","request_id":"01J0000000000000000000000",)"
            R"("surface":"rest","protocol":"http/1","target":"unix:/run/a.sock","retries":0,)"
            R"("ttfb_ms":1.002})");
}

TEST_F(AccessLogTest, TellsWhatOnlySomeRequestsHave) {
  AccessRecord record = request();
  record.grpc_status = 14;
  record.trace_id = "0af7651916cd43dd8448eb211c80319c";
  record.protocol = net::Protocol::Http2;
  record.surface = Surface::A2a;
  record.to_head = std::chrono::nanoseconds(-1);

  const json line = json::parse(line_of(record));

  EXPECT_EQ(line.at("grpc_status"), 14);
  EXPECT_EQ(line.at("trace_id"), record.trace_id);
  EXPECT_EQ(line.at("protocol"), "h2");
  EXPECT_EQ(line.at("surface"), "a2a");
  EXPECT_FALSE(line.contains("ttfb_ms"));
}

TEST_F(AccessLogTest, IsJsonWhateverTheTextsHold) {
  std::vector<std::string> texts;
  for (int byte = 0; byte < 256; ++byte)
    for (const std::size_t place : {0u, 5u, 9u, 15u}) {
      std::string text(16, 'x');
      text[place] = static_cast<char>(byte);
      texts.push_back(text);
    }
  texts.push_back("");
  texts.push_back("/caf\xC3\xA9/\xF0\x9F\x98\x80/long enough");
  texts.push_back(std::string(100'000, '"'));
  texts.push_back(std::string(100'000, '\x01'));
  texts.push_back(std::string(100'000, '\xFF'));
  texts.push_back(std::string(100'000, 'y'));

  const auto lines = lines_of([&](AccessLog& log) {
    for (const std::string& text : texts) {
      AccessRecord record = request();
      record.app_id = record.method = record.path = record.end = record.request_id = text;
      record.target = record.trace_id = text;
      log.write(record);
    }
  });

  ASSERT_EQ(lines.size(), texts.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    EXPECT_LT(lines[i].size(), kMaxLogLine);
    const json line = json::parse(lines[i], nullptr, false);
    ASSERT_TRUE(line.is_object()) << lines[i];
    const auto path = line.at("path").get<std::string>();
    if (texts[i].size() > 1000)
      EXPECT_TRUE(path.ends_with("\xE2\x80\xA6")) << "cut";
    else if (is_utf8(texts[i]))
      EXPECT_EQ(path, texts[i]);
    else
      EXPECT_NE(path.find("\xEF\xBF\xBD"), std::string::npos);
  }
}

TEST_F(AccessLogTest, TellsTheTimeWithoutAskingTheClockForEachLine) {
  const auto lines = lines_of([&](AccessLog& log) {
    AccessRecord record = request();
    const Instant start = record.ended_at;
    log.write(record);
    record.ended_at = start + Millis(7);  // the clock itself stands still
    log.write(record);
    record.ended_at = start + Millis(999);
    log.write(record);
    clock_.advance(Millis(61'234));
    record.ended_at = clock_.now();
    log.write(record);
  });

  const auto time = [&](std::size_t i) { return json::parse(lines.at(i)).at("timestamp"); };
  EXPECT_EQ(time(0), "2023-11-14T22:13:20.000Z");
  EXPECT_EQ(time(1), "2023-11-14T22:13:20.007Z");
  EXPECT_EQ(time(2), "2023-11-14T22:13:20.999Z");
  EXPECT_EQ(time(3), "2023-11-14T22:14:21.234Z");
}

// Writes ten ordinary requests, a failed one and a slow one.
void write_a_mix(AccessLog& log, AccessRecord record) {
  for (int i = 0; i < 10; ++i) log.write(record);
  record.status = 503;
  record.is_error = true;
  log.write(record);
  record.status = 200;
  record.is_error = false;
  record.to_head = kSlowReply + Millis(1);
  log.write(record);
}

TEST_F(AccessLogTest, SamplesButHasEveryErrorAndSlowReply) {
  const auto lines = lines_of([&](AccessLog& log) { write_a_mix(log, request()); },
                              {.lines = Lines::Sampled, .one_of = 5});

  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(json::parse(lines[0]).at("sampled"), 5);
  EXPECT_EQ(json::parse(lines[1]).at("sampled"), 5);
  EXPECT_EQ(json::parse(lines[2]).at("status"), 503);
  EXPECT_FALSE(json::parse(lines[2]).contains("sampled"));
  EXPECT_GT(json::parse(lines[3]).at("ttfb_ms").get<double>(), 1000);
}

TEST_F(AccessLogTest, MayHaveErrorsAndSlowRepliesAlone) {
  const auto lines =
      lines_of([&](AccessLog& log) { write_a_mix(log, request()); }, {.lines = Lines::Errors});

  EXPECT_EQ(lines.size(), 2u);
}

TEST_F(AccessLogTest, MayHaveNothing) {
  EXPECT_TRUE(lines_of([&](AccessLog& log) { write_a_mix(log, request()); }, {.lines = Lines::None})
                  .empty());
}

TEST_F(AccessLogTest, HasNothingWhenTheLogHasNoInfos) {
  EXPECT_TRUE(lines_of([&](AccessLog& log) { write_a_mix(log, request()); }, {}, LogLevel::Warning)
                  .empty());
}

TEST_F(AccessLogTest, DropsLinesThatNobodyTakesAndTellsHowMany) {
  LogWriter writer(write_.get());
  std::optional<AccessLog> log;
  log.emplace(*loop_, writer, Log(write_.get(), LogLevel::Info, clock_), AccessLogChoice(), 0);
  AccessRecord record = request();
  std::int64_t written = 0;
  for (; log->lines_dropped() < 10; ++written) log->write(record);

  // From here on somebody reads.
  std::string text;
  std::thread reader([&] {
    char piece[8192];
    for (ssize_t size; (size = ::read(read_.get(), piece, sizeof piece)) > 0;)
      text.append(piece, static_cast<std::size_t>(size));
  });
  std::int64_t dropped = 0;
  do {
    dropped = log->lines_dropped();
    log->write(record);
    ++written;
  } while (log->lines_dropped() != dropped);
  log.reset();
  writer.stop();
  write_.reset();
  reader.join();

  std::int64_t lines = 0, told = 0;
  std::istringstream stream(text);
  for (std::string one; std::getline(stream, one);) {
    const json line = json::parse(one, nullptr, false);
    ASSERT_TRUE(line.is_object()) << one;
    if (line.at("event") == "request")
      ++lines;
    else
      told += line.at("lines").get<std::int64_t>();
  }
  EXPECT_EQ(told, dropped);
  EXPECT_EQ(lines + told, written);
}

TEST_F(AccessLogTest, IsHandedOverSoonAfterItsFirstLine) {
  LogWriter writer(write_.get());
  AccessLog log(*loop_, writer, Log(write_.get(), LogLevel::Info, clock_), {}, 0);
  log.write(request());
  clock_.advance(kLogDelay);
  loop_->post([this] { loop_->post([this] { loop_->stop(); }); });
  loop_->run();

  char piece[4096];
  EXPECT_GT(::read(read_.get(), piece, sizeof piece), 0) << "a line without flush()";
}

}  // namespace
}  // namespace pixell::edge
