#include "cmd/pac/commands/traffic.hpp"

#include <gmock/gmock.h>

#include "cmd/pac/testing/fake_pixell.hpp"

namespace pixell::cmd {
namespace {

using model::Traffic;
using model::TrafficLeg;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ChangedTraffic, SplitsAndKeepsTags) {
  const auto changed =
      changed_traffic({.legs = {{1, 1000, ""}, {2, 0, "next"}}}, {.split = "2=90%,3=10%"});

  ASSERT_TRUE(changed);
  EXPECT_THAT(changed->legs, ElementsAre(TrafficLeg{2, 0, "next"}, TrafficLeg{2, 900, ""},
                                         TrafficLeg{3, 100, ""}));
}

TEST(ChangedTraffic, MovesAndTakesTagsAway) {
  const Traffic traffic{.legs = {{1, 1000, ""}, {2, 0, "next"}, {2, 0, "old"}}};

  const auto changed = changed_traffic(traffic, {.tags = {"next=3"}, .untag = {"old"}});

  ASSERT_TRUE(changed);
  EXPECT_THAT(changed->legs, ElementsAre(TrafficLeg{1, 1000, ""}, TrafficLeg{3, 0, "next"}));
  EXPECT_EQ(changed_traffic(traffic, {.untag = {"none"}}).error().code, ErrorCode::NotFound);
}

TEST(ChangedTraffic, SticksAndPins) {
  const Traffic traffic{.legs = {{1, 1000, ""}}};

  const auto changed = changed_traffic(traffic, {.sticky = "header:X-User", .pin = true});

  ASSERT_TRUE(changed);
  EXPECT_EQ(changed->sticky.by, model::StickyBy::Header);
  EXPECT_EQ(changed->sticky.name, "X-User");
  EXPECT_TRUE(changed->is_pinned);
  EXPECT_FALSE(changed_traffic(*changed, {.unpin = true})->is_pinned);
}

class TrafficCommandTest : public ::testing::Test {
 protected:
  void SetUp() override {
    answer_ = {{"generation", 7},
               {"traffic", testing::traffic_body()},
               {"route", testing::app_answer()["route"]}};
    pixell_.reply("GET /v1/apps/hello/traffic", answer_);
  }
  testing::Ran traffic(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"traffic", "hello"});
    arguments.insert(arguments.end(), {"--url", pixell_.url()});
    return testing::run_pac(std::move(arguments));
  }
  testing::FakePixell pixell_;
  json answer_;
};

TEST_F(TrafficCommandTest, ShowsWhatIsWantedAndWhatServes) {
  const testing::Ran text = traffic({});

  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out,
              AllOf(HasSubstr("       2    100%    100%      2\n"), HasSubstr("sticky: none")));
  EXPECT_EQ(json::parse(traffic({"--json"}).out), answer_);
}

TEST_F(TrafficCommandTest, ChangesWhatItSaw) {
  pixell_.reply("PUT /v1/apps/hello/traffic", answer_);

  const testing::Ran ran =
      traffic({"--set", "2=90%,3=10%", "--tag", "next=3", "--sticky", "cookie"});

  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  const testing::Asked put = pixell_.last("PUT /v1/apps/hello/traffic");
  EXPECT_EQ(put.headers.at("if-match"), "\"7\"");
  const json sent = json::parse(put.body);
  EXPECT_EQ(sent["legs"].size(), 3U);
  EXPECT_EQ(sent["sticky"]["by"], "cookie");
}

TEST_F(TrafficCommandTest, EndsWith5WhenSomebodyElseChangedIt) {
  pixell_.reply("PUT /v1/apps/hello/traffic", {{"error", "it was changed meanwhile"}}, 412);

  const testing::Ran ran = traffic({"--pin"});

  EXPECT_EQ(ran.exit_code, 5);
  EXPECT_EQ(ran.err, "pac: it was changed meanwhile\n");
}

TEST_F(TrafficCommandTest, EndsWith3ForATagThatIsNotThere) {
  EXPECT_EQ(traffic({"--untag", "none"}).exit_code, 3);
  EXPECT_GE(traffic({"--pin", "--unpin"}).exit_code, 100);
}

}  // namespace
}  // namespace pixell::cmd
