#include "par/observe/trace_context.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "net/limits.hpp"
#include "par/observe/id_source.hpp"
#include "par/observe/limits.hpp"

namespace pixell::par {
namespace {

constexpr const char* kValid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

// Ids of one repeated digit: 1, 2, 3, …
class CountedIds final : public IdSource {
 public:
  void fill(std::span<char> hex) override { std::ranges::fill(hex, ++digit_); }

 private:
  char digit_ = '0';
};

net::Headers headers_of(
    std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
  net::Headers headers;
  for (const auto& [name, value] : fields) headers.add(name, value);
  return headers;
}

TraceContext context_of(const net::Headers& headers, const Sampler& sampler = {}) {
  CountedIds ids;
  return trace_context_of(headers, sampler, ids);
}

TEST(TraceParent, ReadsAValidOne) {
  const auto parent = parse_traceparent(kValid);

  ASSERT_TRUE(parent);
  EXPECT_EQ(text_of(parent->trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(text_of(parent->span_id), "00f067aa0ba902b7");
  EXPECT_TRUE(parent->is_sampled);
  EXPECT_FALSE(
      parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02")->is_sampled);
}

TEST(TraceParent, ReadsAHigherVersionAsFarAsItIsKnown) {
  EXPECT_TRUE(parse_traceparent("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
  EXPECT_TRUE(parse_traceparent("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"));
}

struct BadParent {
  const char* name;
  std::string text;
};
class BadTraceParent : public testing::TestWithParam<BadParent> {};

TEST_P(BadTraceParent, IsNotTrusted) { EXPECT_FALSE(parse_traceparent(GetParam().text)); }

INSTANTIATE_TEST_SUITE_P(
    All, BadTraceParent,
    testing::Values(
        BadParent{"Empty", ""}, BadParent{"Short", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f0"},
        BadParent{"VersionFf", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
        BadParent{"VersionNotHex", "0g-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
        BadParent{"Longer", std::string(kValid) + "-00"},
        BadParent{"HigherWithoutDash", "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.x"},
        BadParent{"UpperCase", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"},
        BadParent{"ZeroTrace", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"},
        BadParent{"ZeroSpan", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"},
        BadParent{"FlagsNotHex", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x"},
        BadParent{"OtherSeparator", "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01"}),
    [](const auto& row) { return row.param.name; });

TEST(TraceState, AcceptsWhatTheStandardAllows) {
  EXPECT_TRUE(is_tracestate("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"));
  EXPECT_TRUE(is_tracestate("fw529a3039@dt=FfAAAAA , ,a/b*-_=x y"));
  EXPECT_TRUE(is_tracestate("1tenant@sys=1"));
}

TEST(TraceState, RefusesTheRest) {
  std::string many;
  for (std::size_t i = 0; i <= kMaxTraceStateMembers; ++i) many += "k" + std::to_string(i) + "=1,";
  for (const std::string& text :
       {std::string(), std::string("novalue"), std::string("a="), std::string("A=1"),
        std::string("1a=1"), std::string("a=1=2"), std::string("a=1,a=2"), std::string("a=\x01"),
        std::string("a@b@c=1"), "k" + std::string(256, 'k') + "=1", "a=" + std::string(257, 'v'),
        many, "a=" + std::string(kMaxTraceStateBytes, 'v')})
    EXPECT_FALSE(is_tracestate(text)) << text.substr(0, 40);
}

TEST(TraceContext, ContinuesTheCallersTrace) {
  const auto trace = context_of(headers_of({{"Traceparent", kValid},
                                            {"tracestate", "a=1"},
                                            {"tracestate", "b=2"},
                                            {"X-Request-Id", "r-1"}}));

  EXPECT_EQ(text_of(trace.trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(text_of(*trace.parent_span_id), "00f067aa0ba902b7");
  EXPECT_EQ(text_of(trace.span_id), "1111111111111111");
  EXPECT_EQ(trace.trace_state, "a=1,b=2");
  EXPECT_EQ(trace.request_id, "r-1");
  EXPECT_EQ(traceparent_of(trace), "00-4bf92f3577b34da6a3ce929d0e0e4736-1111111111111111-01");
}

TEST(TraceContext, StartsATraceWhenThereIsNoneToTrust) {
  for (const auto& headers :
       {headers_of({}), headers_of({{"traceparent", "00-x"}, {"tracestate", "a=1"}}),
        headers_of({{"traceparent", kValid}, {"traceparent", kValid}})}) {
    const auto trace = context_of(headers);

    EXPECT_EQ(text_of(trace.trace_id), std::string(32, '2'));
    EXPECT_FALSE(trace.parent_span_id);
    EXPECT_TRUE(trace.is_sampled);
    EXPECT_EQ(trace.trace_state, "");
    EXPECT_EQ(trace.request_id, std::string(32, '2'));
  }
}

TEST(TraceContext, StartsTheTraceThatTheEdgesRequestIdNames) {
  const auto trace = context_of(headers_of({{"x-request-id", "01ARYZ6S41TSV4RRFFQ69G5FAV"}}));

  EXPECT_EQ(text_of(trace.trace_id), "01563df36481d6764c61efb99302bd5b");
  EXPECT_FALSE(trace.parent_span_id);
  EXPECT_EQ(trace.request_id, "01ARYZ6S41TSV4RRFFQ69G5FAV");
  EXPECT_FALSE(context_of(headers_of({{"x-request-id", "01ARYZ6S41TSV4RRFFQ69G5FAV"}}),
                          {.follows_parent = true, .ratio = 0})
                   .is_sampled);
}

TEST(TraceContext, ReplacesARequestIdThatCannotBeLogged) {
  for (const std::string& id :
       {std::string("a b"), std::string("\xc3\xa9"), std::string(net::kMaxRequestIdBytes + 1, 'x')})
    EXPECT_EQ(context_of(headers_of({{"x-request-id", id}})).request_id, std::string(32, '2'));
}

TEST(TraceContext, SamplesAsItIsTold) {
  const auto sampled = headers_of({{"traceparent", kValid}});

  EXPECT_FALSE(context_of({}, {.follows_parent = true, .ratio = 0}).is_sampled);
  EXPECT_TRUE(context_of(sampled, {.follows_parent = true, .ratio = 0}).is_sampled);
  EXPECT_FALSE(context_of(sampled, {.follows_parent = false, .ratio = 0}).is_sampled);
}

TEST(TraceContext, SamplesAShareByTheTraceId) {
  IdSource ids;
  int sampled = 0;
  for (int i = 0; i < 10'000; ++i) {
    TraceId id{};
    ids.fill(id);
    sampled += is_sampled_by_ratio(id, 0.25);
  }

  EXPECT_NEAR(sampled, 2'500, 300);  // seven standard deviations
}

TEST(TraceContext, GoesOnWithOurSpan) {
  auto headers = headers_of({{"traceparent", kValid}, {"tracestate", "NO"}, {"accept", "*/*"}});

  pass_on(context_of(headers), headers);

  EXPECT_EQ(headers.get("traceparent"), "00-4bf92f3577b34da6a3ce929d0e0e4736-1111111111111111-01");
  EXPECT_EQ(headers.get("tracestate"), "") << "takes the caller's away";
  EXPECT_EQ(headers.get("x-request-id"), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(headers.get("accept"), "*/*");
}

}  // namespace
}  // namespace pixell::par
