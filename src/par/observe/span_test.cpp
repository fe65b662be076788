#include "par/observe/span.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "par/observe/limits.hpp"

namespace pixell::par {
namespace {

Span span_of() {
  Span span{.name = "GET rest", .start_ns = 1'700'000'000'000'000'000, .end_ns = 1'700'000'000'001};
  std::ranges::fill(span.trace_id, 'a');
  std::ranges::fill(span.span_id, 'b');
  return span;
}

nlohmann::json json_of(const Span& span) {
  std::string out;
  append_span(out, span);
  return nlohmann::json::parse(out);
}

TEST(Span, IsWrittenAsTheProtocolsJson) {
  Span span = span_of();
  span.parent_span_id.emplace();
  std::ranges::fill(*span.parent_span_id, 'c');
  span.trace_state = "a=1";
  span.attributes = {{.key = "url.path", .text = "/x\"y"},
                     {.key = "code", .text = {}, .number = 204, .is_number = true}};
  span.is_error = true;
  span.error = "why";

  const auto json = json_of(span);

  EXPECT_EQ(json["traceId"], std::string(32, 'a'));
  EXPECT_EQ(json["spanId"], std::string(16, 'b'));
  EXPECT_EQ(json["parentSpanId"], std::string(16, 'c'));
  EXPECT_EQ(json["traceState"], "a=1");
  EXPECT_EQ(json["kind"], 2);
  EXPECT_EQ(json["startTimeUnixNano"], "1700000000000000000");
  EXPECT_EQ(json["attributes"][0]["value"]["stringValue"], "/x\"y");
  EXPECT_EQ(json["attributes"][1]["value"]["intValue"], "204");
  EXPECT_EQ(json["status"], (nlohmann::json{{"code", 2}, {"message", "why"}}));
}

TEST(Span, LeavesOutWhatIsNotThere) {
  const auto json = json_of(span_of());

  EXPECT_FALSE(json.contains("parentSpanId"));
  EXPECT_FALSE(json.contains("traceState"));
  EXPECT_FALSE(json.contains("status"));
}

TEST(Span, CutsLongTextsBetweenCharacters) {
  Span span = span_of();
  const std::string name = std::string(kMaxSpanTextBytes - 1, 'n') + "\xc3\xa9";
  span.name = name;

  EXPECT_EQ(json_of(span)["name"], std::string(kMaxSpanTextBytes - 1, 'n'));
}

TEST(Span, ResourceSkipsWhatIsEmpty) {
  const auto json = nlohmann::json::parse(
      resource_json({{"service.name", "shop"}, {"pixell.deployment_id", ""}}, {{"team", "a"}}));

  ASSERT_EQ(json["attributes"].size(), 2U);
  EXPECT_EQ(json["attributes"][1]["key"], "team");
}

}  // namespace
}  // namespace pixell::par
