#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "api/log_lines.hpp"
#include "api/moments.hpp"
#include "api/testing/api_fixture.hpp"

// Logs and events: what is read at once, what is followed, and when that ends.

namespace pixell::api {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr UnixMillis kTen = 1'767'261'600'000;  // 2026-01-01T10:00:00Z

TEST(Moments, AreReadAsRfc3339HasThem) {
  struct Row {
    const char* text;
    std::optional<UnixMillis> moment;
  };
  for (const Row& row : {Row{"2026-01-01T10:00:00Z", kTen},
                         {"2026-01-01t10:00:00.250z", kTen + 250},
                         {"2026-01-01 10:00:00.1234567Z", kTen + 123},
                         {"2026-01-01T11:30:00+01:30", kTen},
                         {"2026-01-01T09:00:00-01:00", kTen},
                         {"2024-02-29T00:00:00Z", 1'709'164'800'000},
                         {"2026-02-29T00:00:00Z", std::nullopt},
                         {"2026-01-01T10:00:00", std::nullopt},
                         {"2026-01-01T10:00:00.Z", std::nullopt},
                         {"2026-01-01T24:00:00Z", std::nullopt},
                         {"2026-01-01", std::nullopt},
                         {"", std::nullopt}})
    EXPECT_EQ(parse_rfc3339(row.text), row.moment) << row.text;
}

TEST(Moments, AreReadAsAgo) {
  EXPECT_EQ(parse_since("90s", kTen), kTen - 90'000);
  EXPECT_EQ(parse_since("15m", kTen), kTen - 900'000);
  EXPECT_EQ(parse_since("2h", kTen), kTen - 7'200'000);
  EXPECT_EQ(parse_since("1d", kTen), kTen - 86'400'000);
  EXPECT_EQ(parse_since("2026-01-01T10:00:00Z", 0), kTen);
  for (const char* wrong : {"", "s", "-5m", "5", "5w", "5 m", "9999999999h", "1.5h"})
    EXPECT_EQ(parse_since(wrong, kTen), std::nullopt) << wrong;
}

TEST(LogLines, ALineWithoutATimeBelongsToTheOneBefore) {
  SinceFilter filter(kTen);

  EXPECT_FALSE(filter.keeps("who knows when"));
  EXPECT_FALSE(filter.keeps(R"({"timestamp":"2026-01-01T09:59:59Z"})"));
  EXPECT_FALSE(filter.keeps("  traceback of that line"));
  EXPECT_TRUE(filter.keeps(R"({"timestamp": "2026-01-01T10:00:00.000Z"})"));
  EXPECT_TRUE(filter.keeps("  traceback of that line"));
}

TEST(LogLines, NameTheirInstance) {
  EXPECT_EQ(with_instance(R"({"level":"info","instance":"mine"})", "i-1", 3),
            R"({"instance":"i-1","revision":3,"level":"info"})");
  EXPECT_EQ(with_instance("plain \xff", "i-1", 3),
            "{\"instance\":\"i-1\",\"revision\":3,\"message\":\"plain \xEF\xBF\xBD\"}");
  EXPECT_EQ(json::parse(with_instance("[1]", "i", 1))["message"], "[1]");
}

class LogsTest : public ApiTest {
 protected:
  static std::string line(int second, const std::string& text) {
    return json{{"message", text}, {"timestamp", iso8601(kTen + second * 1'000)}}.dump() + "\n";
  }
  std::vector<std::string> messages(const std::string& text) {
    std::vector<std::string> found;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at);
      found.push_back(json::parse(text.substr(at, end - at))["message"]);
      at = end + 1;
    }
    return found;
  }
  std::vector<std::string> read(const std::string& target) {
    const Reply reply = send("GET", target);
    EXPECT_EQ(reply.status, 200) << reply.body;
    EXPECT_EQ(reply.content_type, "application/x-ndjson");
    return messages(reply.body);
  }
};

TEST_F(LogsTest, AreReadFromTheirEndOrOnward) {
  logs_["i-1"] = line(0, "one") + line(1, "two") + line(2, "three");
  const std::string one_line = std::to_string(line(2, "three").size());

  const Reply end = send("GET", "/v1/instances/i-1/logs?bytes=" + one_line);
  logs_["i-1"] += line(3, "four");
  const std::string next(*end.headers.get("x-log-next"));

  EXPECT_THAT(messages(end.body), ElementsAre("three"));
  EXPECT_THAT(read("/v1/instances/i-1/logs?from=" + next), ElementsAre("four"));
  EXPECT_THAT(read("/v1/instances/i-1/logs"), ElementsAre("one", "two", "three", "four"))
      << "an engine gives less at once";
  EXPECT_EQ(send("GET", "/v1/instances/none/logs").status, 404);
}

TEST_F(LogsTest, ALineThatTheLimitCutsIsReadWholeByWhoGoesOn) {
  logs_["i-1"] = line(0, "one") + line(1, "two");
  const std::string bytes = std::to_string(line(0, "one").size() + 5);

  const Reply first = send("GET", "/v1/instances/i-1/logs?from=0&bytes=" + bytes);

  EXPECT_THAT(messages(first.body), ElementsAre("one"));
  EXPECT_THAT(read("/v1/instances/i-1/logs?from=" + std::string(*first.headers.get("x-log-next"))),
              ElementsAre("two"));
}

TEST_F(LogsTest, AreReadSinceAMoment) {
  logs_["i-1"] = line(0, "one") + line(60, "two");

  EXPECT_THAT(read("/v1/instances/i-1/logs?since=2026-01-01T10:00:30Z"), ElementsAre("two"));
  const Reply wrong = send("GET", "/v1/instances/i-1/logs?since=yesterday&bytes=0&follow=maybe");
  EXPECT_EQ(wrong.status, 400);
  EXPECT_EQ(parse(wrong)["errors"].size(), 3u) << wrong.body;
}

TEST_F(LogsTest, AreFollowedUntilTheInstanceHasEnded) {
  serve_revision("hello");
  add_instance("hello", "i-1");
  logs_["i-1"] = line(0, "one");
  const Reply reply = send("GET", "/v1/instances/i-1/logs?follow=true");
  ASSERT_TRUE(reply.stream);
  FakeClient client([&](const std::string& so_far) {
    if (!so_far.contains("two")) {
      logs_["i-1"] += line(1, "two") + "the last words";
      add_instance("hello", "i-1", model::InstancePhase::Stopped);
    }
    return true;
  });

  reply.stream(client);

  EXPECT_THAT(client.came(), HasSubstr("one"));
  EXPECT_THAT(client.came(), HasSubstr("two"));
  EXPECT_TRUE(client.came().ends_with("the last words\n")) << client.came();
}

TEST_F(LogsTest, FollowingEndsWithItsClientOrTheApi) {
  serve_revision("hello");
  add_instance("hello", "i-1");
  logs_["i-1"] = line(0, "one");
  FakeClient leaves([](const std::string&) { return false; });
  FakeClient stays([&](const std::string&) {
    stop_.request_stop();
    return true;
  });

  send("GET", "/v1/instances/i-1/logs?follow=true").stream(leaves);
  send("GET", "/v1/apps/hello/logs?follow=true").stream(stays);

  EXPECT_THAT(messages(leaves.came()), ElementsAre("one"));
  EXPECT_THAT(messages(stays.came()), ElementsAre("one"));
}

TEST_F(LogsTest, OfAnAppAreMergedByTime) {
  serve_revision("hello");
  add_instance("hello", "i-1");
  add_instance("hello", "i-2");
  logs_["i-1"] = line(0, "one") + line(2, "three");
  logs_["i-2"] = line(1, "two") + "no JSON\n";

  const std::string text = send("GET", "/v1/apps/hello/logs").body;

  EXPECT_THAT(messages(text), ElementsAre("one", "two", "no JSON", "three"));
  EXPECT_THAT(text, HasSubstr(R"({"instance":"i-2","revision":1,"message":"no JSON"})"));
  EXPECT_EQ(send("GET", "/v1/apps/hello/logs?revision=2").body, "");
  EXPECT_EQ(send("GET", "/v1/apps/none/logs").status, 404);
}

TEST_F(LogsTest, NewInstancesJoinAFollower) {
  serve_revision("hello");
  add_instance("hello", "i-1");
  logs_["i-1"] = line(0, "one");
  FakeClient client([&](const std::string& so_far) {
    if (!so_far.contains("i-2")) {
      add_instance("hello", "i-2");
      logs_["i-2"] = line(1, "two");
      return true;
    }
    return false;
  });

  send("GET", "/v1/apps/hello/logs?follow=true").stream(client);

  EXPECT_THAT(messages(client.came()), ElementsAre("one", "two"));
}

TEST_F(LogsTest, OnlySoManyRequestsMayWait) {
  std::vector<Waits::Place> places;
  while (auto place = waits_.take()) places.push_back(std::move(place));
  ASSERT_EQ(places.size(), kMaxWaiting);

  const Reply refused = send("GET", "/v1/watch?timeout_ms=0");
  places.pop_back();

  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.headers.get("retry-after"), "5");
  EXPECT_THAT(refused.body, HasSubstr("kMaxWaiting"));
  EXPECT_EQ(send("GET", "/v1/watch?timeout_ms=0").status, 200);
}

TEST_F(ApiTest, ListsEventsAfterAPosition) {
  serve_revision("hello");
  serve_revision("other");

  const json all = parse(send("GET", "/v1/events"));
  const json page = parse(send("GET", "/v1/events?app=other&kind=app_created"));
  const json none = parse(send("GET", "/v1/events?after=1000"));

  EXPECT_EQ(all["events"][0]["sequence"], 1);
  EXPECT_EQ(all["last_sequence"], all["events"].back()["sequence"]);
  ASSERT_EQ(page["events"].size(), 1u);
  EXPECT_EQ(page["events"][0]["app"], "other");
  EXPECT_TRUE(page["events"][0]["detail"].is_object());
  EXPECT_EQ(none["last_sequence"], 1000);
}

TEST_F(ApiTest, AWatchAnswersWithWhatIsThereOrWhenItsTimeIsOver) {
  serve_revision("hello");
  const std::string last = std::to_string(*store_->last_event());

  EXPECT_FALSE(parse(send("GET", "/v1/watch"))["events"].empty());
  const json empty = parse(send("GET", "/v1/watch?timeout_ms=0&after=" + last));
  EXPECT_TRUE(empty["events"].empty());
  EXPECT_EQ(std::to_string(empty["last_sequence"].get<int>()), last);
  EXPECT_EQ(send("GET", "/v1/watch", "", {{"last-event-id", "x"}}).status, 400);
}

TEST_F(ApiTest, StreamsEventsAfterTheLastOneThatWasSeen) {
  serve_revision("hello");
  const std::string last = std::to_string(*store_->last_event());
  const Reply reply = send("GET", "/v1/watch?app=hello", "",
                           {{"accept", "text/event-stream"}, {"last-event-id", last}});
  ASSERT_EQ(reply.content_type, "text/event-stream");
  FakeClient client([](const std::string&) { return false; });
  serve_revision("other");
  add_instance("hello", "i-1");

  reply.stream(client);

  EXPECT_THAT(client.came(), HasSubstr("event: instance_changed\ndata: {"));
  EXPECT_TRUE(client.came().starts_with("id: ")) << client.came();
  EXPECT_TRUE(client.came().ends_with("\n\n"));
  EXPECT_FALSE(client.came().contains("\"other\""));
}

TEST_F(ApiTest, ASilentStreamSaysThatItIsAlive) {
  const Reply reply = send("GET", "/v1/watch", "", {{"accept", "text/event-stream"}});
  FakeClient client([](const std::string&) { return false; });
  // The fake time stands still while it waits; what it is about is who speaks after a while.
  std::jthread time([this](std::stop_token stop) {
    while (!stop.stop_requested()) {
      clock_.advance(Millis(1'000));
      std::this_thread::yield();
    }
  });

  reply.stream(client);

  EXPECT_EQ(client.came(), ": keep-alive\n\n");
}

}  // namespace
}  // namespace pixell::api
