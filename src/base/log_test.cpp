#include "base/log.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "base/limits.hpp"
#include "base/testing/fake_clock.hpp"
#include "base/unique_fd.hpp"

namespace pixell {
namespace {

// A Log that writes into a pipe; written() reads what arrived.
class LogLines : public testing::Test {
 protected:
  void SetUp() override {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    reader_ = UniqueFd(ends[0]);
    writer_ = UniqueFd(ends[1]);
    ASSERT_GE(::fcntl(writer_.get(), F_SETPIPE_SZ, 1 << 20), 0);
  }

  Log log(LogLevel least = LogLevel::Info) { return Log(writer_.get(), least, clock_); }

  std::string written() {
    writer_.reset();
    std::string all;
    char chunk[4096];
    while (true) {
      const ssize_t got = ::read(reader_.get(), chunk, sizeof chunk);
      if (got <= 0) return all;
      all.append(chunk, static_cast<std::size_t>(got));
    }
  }

  UniqueFd reader_;
  UniqueFd writer_;
  FakeClock clock_{1'700'000'000'123};
};

TEST_F(LogLines, CarryEventLevelTimeAndTypedFields) {
  log().info("instance started",
             {{"instance", "i-1"}, {"boot_ms", 42}, {"ratio", 0.5}, {"is_new", true}});

  EXPECT_EQ(written(),
            R"({"event":"instance started","level":"info","timestamp":"2023-11-14T22:13:20.123Z",)"
            R"("instance":"i-1","boot_ms":42,"ratio":0.5,"is_new":true})"
            "\n");
}

TEST_F(LogLines, BoundFieldsComeBeforeFreeOnesAndDoNotLeakIntoTheOriginal) {
  const Log plain = log();
  plain.with("app", "a\"b").with("role", "edge").warning("w", {{"n", -1}});
  plain.error("e");

  EXPECT_EQ(written(), R"({"event":"w","level":"warning","timestamp":"2023-11-14T22:13:20.123Z",)"
                       R"("app":"a\"b","role":"edge","n":-1})"
                       "\n"
                       R"({"event":"e","level":"error","timestamp":"2023-11-14T22:13:20.123Z"})"
                       "\n");
}

TEST_F(LogLines, LinesBelowTheLevelAreDropped) {
  const Log quiet = log(LogLevel::Warning);
  quiet.debug("d");
  quiet.info("i");
  EXPECT_FALSE(quiet.writes(LogLevel::Info));
  EXPECT_TRUE(quiet.writes(LogLevel::Warning));

  EXPECT_EQ(written(), "");
}

TEST_F(LogLines, DebugLinesAppearWhenAskedFor) {
  log(LogLevel::Debug).debug("d");

  EXPECT_NE(written().find(R"("level":"debug")"), std::string::npos);
}

TEST_F(LogLines, SecretsAreNeverPrintedWhateverTheirType) {
  log().with("Token", "hidden1").info("s", {{"password", "hidden2"}, {"API_KEY", 4711}});

  const std::string line = written();
  EXPECT_EQ(line.find("hidden"), std::string::npos) << line;
  EXPECT_EQ(line.find("4711"), std::string::npos) << line;
  EXPECT_NE(line.find(R"("Token":"[REDACTED]","password":"[REDACTED]","API_KEY":"[REDACTED]")"),
            std::string::npos)
      << line;
}

TEST_F(LogLines, RawJsonIsPrintedAsItStandsAndNoNumberBecomesNull) {
  log().info("r", {{"raw", LogValue::raw_json(R"({"a":[1]})")},
                   {"nan", std::numeric_limits<double>::quiet_NaN()},
                   {"big", std::numeric_limits<std::int64_t>::max()}});

  EXPECT_NE(written().find(R"("raw":{"a":[1]},"nan":null,"big":9223372036854775807})"),
            std::string::npos);
}

TEST_F(LogLines, NumbersHaveSixDigits) {
  log().info("n", {{"a", 0.000123456789},
                   {"b", 1e-7},
                   {"c", 1234567.0},
                   {"d", 5.0},
                   {"e", 0.0},
                   {"f", -1.7976931348623157e308},
                   {"g", std::numeric_limits<std::int64_t>::min()}});

  EXPECT_NE(written().find(R"("a":0.000123457,"b":1e-07,"c":1.23457e+06,"d":5,"e":0,)"
                           R"("f":-1.79769e+308,"g":-9223372036854775808})"),
            std::string::npos);
}

TEST(JsonText, EscapesAtAnyPlaceOfAText) {
  for (std::size_t at = 0; at < 20; ++at) {
    std::string text(20, 'x');
    text[at] = '"';
    std::string expected = text;
    expected.insert(at, 1, '\\');
    std::string json;
    append_json_string(json, text);
    EXPECT_EQ(json, '"' + expected + '"');
  }
}

TEST_F(LogLines, ALongTextIsCut) {
  log().info("l", {{"text", std::string(kMaxLogValueBytes + 100, 'x')}});

  EXPECT_NE(written().find(":\"" + std::string(kMaxLogValueBytes, 'x') + "\"}"), std::string::npos);
}

TEST_F(LogLines, LinesOfSeveralThreadsDoNotMix) {
  std::vector<std::thread> writers;
  for (int t = 0; t < 4; ++t)
    writers.emplace_back([this] {
      for (int i = 0; i < 100; ++i) log().info("line", {{"text", std::string(200, 'x')}});
    });
  for (std::thread& writer : writers) writer.join();

  const std::string all = written();
  const std::string line = all.substr(0, all.find('\n') + 1);
  std::string expected;
  for (int i = 0; i < 400; ++i) expected += line;
  EXPECT_EQ(all, expected);
}

TEST_F(LogLines, AReaderThatHasGoneIsNotAnError) {
  UniqueFd closed(::open("/dev/full", O_WRONLY | O_CLOEXEC));  // each write fails with ENOSPC
  ASSERT_TRUE(closed);

  Log(closed.get(), LogLevel::Info, clock_).error("nobody hears this");
  log().info("still alive");

  EXPECT_NE(written().find("still alive"), std::string::npos);
}

struct JsonStringCase {
  const char* name;
  std::string in;
  std::string out;
};

void PrintTo(const JsonStringCase& row, std::ostream* out) { *out << row.name; }

class JsonString : public testing::TestWithParam<JsonStringCase> {};

TEST_P(JsonString, IsQuotedAndValidUtf8) {
  std::string out;
  append_json_string(out, GetParam().in);

  EXPECT_EQ(out, "\"" + GetParam().out + "\"");
}

INSTANTIATE_TEST_SUITE_P(
    Rows, JsonString,
    testing::Values(
        JsonStringCase{"empty", "", ""}, JsonStringCase{"quote", "a\"b\\c", R"(a\"b\\c)"},
        JsonStringCase{"newline", "a\nb", R"(a\nb)"},
        JsonStringCase{"control", std::string("\0\x1f\t", 3), R"(\u0000\u001f\u0009)"},
        JsonStringCase{"two_bytes", "\xC3\xA9", "\xC3\xA9"},
        JsonStringCase{"three_bytes", "\xE2\x82\xAC", "\xE2\x82\xAC"},
        JsonStringCase{"four_bytes", "\xF0\x9F\x99\x82", "\xF0\x9F\x99\x82"},
        JsonStringCase{"lone_continuation", "a\x80z", "a\xEF\xBF\xBDz"},
        JsonStringCase{"overlong", "\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD"},
        JsonStringCase{"overlong_three", "\xE0\x80\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        JsonStringCase{"surrogate", "\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        JsonStringCase{"too_high", "\xF5\x80\x80\x80",
                       "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        JsonStringCase{"cut_short", "\xE2\x82", "\xEF\xBF\xBD\xEF\xBF\xBD"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(SecretKey, IsRecognisedInAnyCaseAndOnlyAsAWhole) {
  for (const char* key : {"password", "SECRET", "Authorization", "access_key", "secretKey"})
    EXPECT_TRUE(is_secret_key(key)) << key;
  for (const char* key : {"", "passwords", "tokens", "key", "author"})
    EXPECT_FALSE(is_secret_key(key)) << key;
}

}  // namespace
}  // namespace pixell
