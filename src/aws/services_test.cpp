#include "aws/services.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "aws/testing/fake_outside.hpp"

namespace pixell::aws {
namespace {

using nlohmann::json;

struct ServicesTest : testing::Test {
  FakeOutside world;
  Services aws{
      world.outside(),
      {{"AWS_ACCESS_KEY_ID", "A"}, {"AWS_SECRET_ACCESS_KEY", "s"}, {"AWS_REGION", "us-east-2"}}};
};

TEST_F(ServicesTest, SpeaksJson) {
  world.answer(200, R"({"services":[]})");

  const auto answer = aws.call("ecs", "DescribeServices", {{"cluster", "c"}}, {});

  ASSERT_TRUE(answer);
  EXPECT_TRUE((*answer)["services"].is_array());
  EXPECT_EQ(world.asked[0].body, R"({"cluster":"c"})");
  EXPECT_EQ(world.header(0, "X-Amz-Target"), "AmazonEC2ContainerServiceV20141113.DescribeServices");
  EXPECT_EQ(world.asked[0].url, "https://ecs.us-east-2.amazonaws.com/");
}

TEST_F(ServicesTest, SpeaksQuery) {
  world.answer(200,
               "<DescribeRulesResponse><DescribeRulesResult><Rules><member><Priority>1</Priority>"
               "<Conditions/></member></Rules></DescribeRulesResult></DescribeRulesResponse>");

  const auto answer =
      aws.call("elbv2", "DescribeRules", {{"RuleArns", {"a", "b"}}, {"PageSize", 5}}, {});

  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->dump(), R"({"Rules":[{"Conditions":null,"Priority":"1"}]})");
  EXPECT_EQ(world.asked[0].body,
            "Action=DescribeRules&PageSize=5&RuleArns.member.1=a&RuleArns.member.2=b"
            "&Version=2015-12-01");
}

TEST_F(ServicesTest, SpeaksEc2) {
  world.answer(200, "<R><vpcSet><item><vpcId>v</vpcId></item></vpcSet></R>");

  const auto answer =
      aws.call("ec2", "DescribeVpcs", {{"Filters", {{{"Name", "tag:a"}, {"Values", {"x"}}}}}}, {});

  ASSERT_TRUE(answer);
  EXPECT_EQ((*answer)["vpcSet"][0]["vpcId"], "v");
  EXPECT_EQ(world.asked[0].body,
            "Action=DescribeVpcs&Filter.1.Name=tag%3Aa&Filter.1.Value.1=x&Version=2016-11-15");
}

TEST_F(ServicesTest, FollowsPages) {
  world.answer(200, R"({"serviceArns":["a"],"nextToken":"n"})");
  world.answer(200, R"({"serviceArns":["b"]})");
  std::string arns;

  const auto done = aws.pages("ecs", "ListServices", {{"cluster", "c"}}, {}, [&](const json& page) {
    arns += page["serviceArns"][0].get<std::string>();
    return true;
  });

  ASSERT_TRUE(done);
  EXPECT_EQ(arns, "ab");
  EXPECT_NE(world.asked[1].body.find(R"("nextToken":"n")"), std::string::npos);
}

TEST_F(ServicesTest, PrefixesTheHostOfDiscovery) {
  world.answer(200, "{}");
  ASSERT_TRUE(aws.call("servicediscovery", "DiscoverInstances", json::object(), {}));
  EXPECT_EQ(world.asked[0].url, "https://data-servicediscovery.us-east-2.amazonaws.com/");
}

TEST_F(ServicesTest, DoesNotRegisterTwice) {
  world.break_off();
  EXPECT_FALSE(aws.call("ecs", "RegisterTaskDefinition", json::object(), {}));
  EXPECT_EQ(world.asked.size(), 1U);
}

TEST_F(ServicesTest, RefusesWhatIsNotInTheTableAndAnswersThatAreNone) {
  world.answer(200, "<html>");
  world.answer(200, "no JSON");

  EXPECT_EQ(aws.call("ecs", "MakeCoffee", {}, {}).error().code, ErrorCode::Unimplemented);
  EXPECT_EQ(aws.call("sts", "GetCallerIdentity", {}, {}).error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(aws.call("ecs", "ListTasks", {}, {}).error().code, ErrorCode::InvalidArgument);
}

TEST(ActionTable, HasEachActionOnceOfAServiceThatIsThere) {
  std::set<std::string> seen;
  for (const Action& each : actions()) {
    EXPECT_NE(find_service(each.service), nullptr) << each.service;
    EXPECT_TRUE(seen.insert(std::string(each.service) + std::string(each.name)).second)
        << each.name;
    EXPECT_EQ(each.token_in.empty(), each.token_out.empty()) << each.name;
  }
}

}  // namespace
}  // namespace pixell::aws
