#include "model/traffic.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace pixell::model {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const Traffic kSplit{.legs = {{.revision = 1, .weight_permille = 700},
                              {.revision = 2, .weight_permille = 300},
                              {.revision = 3, .weight_permille = 0, .tag = "next"}}};

TEST(Traffic, TakesAShareFromTheOthersInProportion) {
  EXPECT_THAT(with_weight(kSplit, 4, 100).legs,
              ElementsAre(TrafficLeg{1, 630, ""}, TrafficLeg{2, 270, ""}, TrafficLeg{3, 0, "next"},
                          TrafficLeg{4, 100, ""}));
}

TEST(Traffic, AlwaysAddsUpToTheWhole) {
  for (int weight = 0; weight <= kWholeTraffic; ++weight) {
    const Traffic changed = with_weight(kSplit, 2, weight);

    int sum = 0;
    for (const TrafficLeg& leg : changed.legs) sum += leg.weight_permille;
    EXPECT_EQ(sum, kWholeTraffic) << weight;
    EXPECT_EQ(weight_of(changed, 2), weight);
  }
}

TEST(Traffic, GivesTheOnlyRevisionEverything) {
  EXPECT_THAT(with_weight({}, 7, 50).legs, ElementsAre(TrafficLeg{7, 1000, ""}));
  EXPECT_THAT(all_to(kSplit, 2).legs,
              ElementsAre(TrafficLeg{2, 1000, ""}, TrafficLeg{3, 0, "next"}));
}

TEST(Traffic, MovesATagToOneRevision) {
  EXPECT_THAT(
      with_tag(kSplit, 2, "next").legs,
      ElementsAre(TrafficLeg{1, 700, ""}, TrafficLeg{2, 300, ""}, TrafficLeg{2, 0, "next"}));
}

TEST(Traffic, KnowsWhoLeads) {
  EXPECT_EQ(leading_revision(kSplit), 1);
  EXPECT_EQ(leading_revision({}), 0);
  EXPECT_EQ(leading_revision({.legs = {{.revision = 3, .weight_permille = 0, .tag = "a"}}}), 0);
  EXPECT_TRUE(refers_to(kSplit, 3));
  EXPECT_FALSE(refers_to(kSplit, 4));
}

TEST(Traffic, NamesEverythingThatIsWrong) {
  EXPECT_THAT(check_traffic(kSplit), IsEmpty());
  const Traffic bad{.legs = {{.revision = 0, .weight_permille = 400},
                             {.revision = 1, .weight_permille = -1, .tag = "Up"},
                             {.revision = 2, .weight_permille = 0},
                             {.revision = 2, .weight_permille = 1, .tag = "candidate"}},
                    .sticky = {.by = StickyBy::Cookie, .name = "a b"}};

  std::vector<std::string> pointers;
  for (const TrafficFinding& finding : check_traffic(bad)) pointers.push_back(finding.pointer);

  EXPECT_THAT(pointers, ElementsAre("/legs/0/revision", "/legs/1/weight_permille", "/legs/1/tag",
                                    "/legs/2", "/legs/3/tag", "/legs", "/sticky"));
}

TEST(Traffic, RefusesATagTwice) {
  const Traffic twice{.legs = {{.revision = 1, .weight_permille = 1000, .tag = "a"},
                               {.revision = 2, .weight_permille = 0, .tag = "a"}}};

  ASSERT_THAT(check_traffic(twice), SizeIs(1));
  EXPECT_EQ(check_traffic(twice)[0].pointer, "/legs/1/tag");
}

TEST(Traffic, ReadsWhatItWrites) {
  Traffic traffic = kSplit;
  traffic.sticky = {.by = StickyBy::Header, .name = "x-user"};
  traffic.is_pinned = true;

  const auto read = traffic_from_json(to_json(traffic));

  ASSERT_TRUE(read);
  EXPECT_EQ(*read, traffic);
  EXPECT_FALSE(traffic_from_json(nlohmann::json{{"legs", 5}}));
  EXPECT_FALSE(traffic_from_json(nlohmann::json::parse(R"({"legs":[],"sticky":{"by":"ip"}})")));
}

TEST(Traffic, TagsAreShortLowerCaseWords) {
  for (const char* good : {"a", "next", "v1-2", "0"}) EXPECT_TRUE(is_tag(good)) << good;
  for (const char* bad : {"", "-a", "a-", "A", "a.b", "a b"}) EXPECT_FALSE(is_tag(bad)) << bad;
  EXPECT_FALSE(is_tag(std::string(41, 'a')));
}

}  // namespace
}  // namespace pixell::model
