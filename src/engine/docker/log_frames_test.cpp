#include "engine/docker/log_frames.hpp"

#include <gtest/gtest.h>

#include "engine/docker/events.hpp"
#include "engine/docker/limits.hpp"

namespace pixell::engine::docker {
namespace {

std::string frame(char stream, const std::string& payload) {
  const auto size = static_cast<unsigned>(payload.size());
  std::string header(8, '\0');
  header[0] = stream;
  for (int i = 0; i < 4; ++i) header[std::size_t(4 + i)] = char((size >> (24 - 8 * i)) & 0xff);
  return header + payload;
}

struct Taken {
  std::vector<std::string> payloads{};
  LogFrames frames{[this](std::string_view payload) -> Result<void> {
    payloads.emplace_back(payload);
    return {};
  }};
};

TEST(LogFrames, GivesEachPayloadHoweverItComes) {
  const std::string stream = frame(1, "one\n") + frame(2, "") + frame(1, std::string(300, 'x'));
  for (const std::size_t piece : {std::size_t(1), std::size_t(3), stream.size()}) {
    Taken taken;
    for (std::size_t at = 0; at < stream.size(); at += piece)
      ASSERT_TRUE(taken.frames.feed(stream.substr(at, piece)));
    EXPECT_EQ(taken.payloads, (std::vector<std::string>{"one\n", "", std::string(300, 'x')}));
  }
}

TEST(LogFrames, WaitsForTheRestOfAFrame) {
  Taken taken;

  ASSERT_TRUE(taken.frames.feed(frame(1, "one\n").substr(0, 10)));

  EXPECT_TRUE(taken.payloads.empty());
}

TEST(LogFrames, RefusesWhatIsNoSuchStream) {
  std::string huge = frame(1, "");
  huge[4] = char(0xff);
  for (const std::string& stream : {std::string("plain text of a terminal\n"), frame(3, "x"), huge,
                                    std::string("\1\0\1\0\0\0\0\0", 8)})
    EXPECT_EQ(Taken().frames.feed(stream).error().code, ErrorCode::DataLoss);
}

TEST(LogFrames, EndsWithTheErrorOfItsTaker) {
  LogFrames frames([](std::string_view) -> Result<void> {
    return make_error(ErrorCode::ResourceExhausted, "full");
  });

  EXPECT_EQ(frames.feed(frame(1, "x")).error().code, ErrorCode::ResourceExhausted);
}

TEST(DockerTime, CountsNanosecondsSince1970) {
  EXPECT_EQ(*parse_docker_time("1970-01-01T00:00:01Z"), 1'000'000'000);
  EXPECT_EQ(*parse_docker_time("2026-11-26T20:19:15.248156863Z"), 1'795'724'355'248'156'863);
  EXPECT_EQ(*parse_docker_time("2026-11-26T20:19:15.25Z"), 1'795'724'355'250'000'000);
  EXPECT_EQ(*parse_docker_time("0001-01-01T00:00:00Z"), 0);
}

TEST(DockerTime, RefusesWhatIsNone) {
  for (const char* text :
       {"", "Z", "2026-11-26", "2026-13-26T20:19:15Z", "2026-11-26T25:19:15Z",
        "2026-11-26 20:19:15Z", "2026-11-26T20:19:15+01:00", "2026-11-26T20:19:15.xZ",
        "2026-11-26T20:19:15.1234567890Z", "9999-11-26T20:19:15Z", "aaaa-11-26T20:19:15Z"})
    EXPECT_FALSE(parse_docker_time(text)) << text;
}

TEST(StampedLine, PartsTimeAndText) {
  const auto line = parse_stamped("1970-01-01T00:00:00.000000005Z a line of\ttext\n");

  ASSERT_TRUE(line);
  EXPECT_EQ(line->nanos, 5);
  EXPECT_EQ(line->text, "a line of\ttext\n");
  EXPECT_FALSE(parse_stamped("no-time"));
  EXPECT_FALSE(parse_stamped("no time"));
}

constexpr const char* kEvent =
    R"({"status":"die","id":"abc","Type":"container","Action":"die","Actor":{"ID":"abc",)"
    R"("Attributes":{"exitCode":"137"}},"scope":"local","time":5,"timeNano":5000000007})";

TEST(EventLines, GivesEachEventHoweverItComes) {
  const std::string stream = std::string(kEvent) + "\n\r\n" + kEvent + "\n";
  for (const std::size_t piece : {std::size_t(1), std::size_t(7), stream.size()}) {
    std::vector<ContainerEvent> events;
    EventLines lines([&](const ContainerEvent& event) { events.push_back(event); });
    for (std::size_t at = 0; at < stream.size(); at += piece)
      ASSERT_TRUE(lines.feed(stream.substr(at, piece)));
    ASSERT_EQ(events.size(), 2u);
    EXPECT_EQ(events[1].action, "die");
    EXPECT_EQ(events[1].container, "abc");
    EXPECT_EQ(events[1].nanos, 5'000'000'007);
  }
}

TEST(EventLines, RefusesWhatIsNoEvent) {
  for (const std::string& line :
       {std::string("hello"), std::string("[]"), std::string("{}"), std::string(R"({"Action":1})"),
        std::string(R"({"Action":"x","Actor":[],"timeNano":1})")})
    EXPECT_EQ(EventLines([](const ContainerEvent&) {}).feed(line + "\n").error().code,
              ErrorCode::DataLoss);
  EXPECT_FALSE(EventLines([](const ContainerEvent&) {}).feed(std::string(kMaxEventBytes + 1, ' ')));
}

TEST(EventsPath, GoesOnAtAMoment) {
  const std::string path = events_path("m", 5'000'000'007);

  EXPECT_TRUE(path.starts_with("/events?since=5.000000007&filters=%7B")) << path;
  EXPECT_NE(path.find("ai.pixell.installation%3Dm"), std::string::npos) << path;
}

}  // namespace
}  // namespace pixell::engine::docker
