#include "engine/ecs/names.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <regex>

#include "engine/ecs/limits.hpp"

namespace pixell::engine::ecs {
namespace {

const Names kNames("0123456789abcdef", {});

TEST(EcsNames, AreWhatOperatorsKnow) {
  EXPECT_EQ(kNames.app("python-executor"), "agent-python-executor");
  EXPECT_EQ(kNames.service("python-executor", Slot::A), "agent-python-executor");
  EXPECT_EQ(kNames.service("python-executor", Slot::B), "agent-python-executor-b");
  EXPECT_EQ(kNames.target_group("python-executor", Slot::B, Surface::Grpc, "").substr(19), "-bg");
}

TEST(EcsNames, ASecondSlotIsNoOtherAppsFirst) {
  EXPECT_NE(kNames.service("x", Slot::B), kNames.service("x-b", Slot::A));
  EXPECT_NE(kNames.service("x", Slot::B), kNames.service("X", Slot::B));
  EXPECT_EQ(kNames.service("X", Slot::A).substr(0, 9), "agent-x-h");
  // Neither does an id that is written like a name with a digest.
  const std::string hashed = kNames.service("x-b", Slot::A).substr(6);
  EXPECT_NE(kNames.service(hashed, Slot::A), kNames.service("x-b", Slot::A));
}

TEST(EcsNames, TargetGroupsOfTwoInstallationsDiffer) {
  const Names other("fedcba9876543210", {});
  EXPECT_NE(kNames.target_group("x", Slot::A, Surface::Rest, ""),
            other.target_group("x", Slot::A, Surface::Rest, ""));
}

TEST(EcsNames, WhatCannotBeChangedMakesAnotherTargetGroup) {
  EXPECT_NE(kNames.target_group("x", Slot::A, Surface::Rest, "HTTP1"),
            kNames.target_group("x", Slot::A, Surface::Rest, "HTTP2"));
}

// Ids of an alphabet that makes endings and cases meet often, and of what ids must not have.
std::string random_id(std::mt19937_64& random) {
  static constexpr std::string_view kParts[] = {"a",
                                                "b",
                                                "B",
                                                "-b",
                                                "-",
                                                "_",
                                                "-h0123456789abcdef",
                                                "9",
                                                "é",
                                                "/",
                                                " ",
                                                "abcdefghijklmnopqrst"};
  std::string id = "a";
  for (auto left = random() % 6; left > 0; --left) id += kParts[random() % std::size(kParts)];
  return id;
}

TEST(EcsNames, AnyIdsGiveNamesThatAwsAllowsAndNoneTwice) {
  const Names names("0123456789abcdef", {.service = "abcdefghijklmnopqrstuvwxyz01234-",
                                         .target_group = "abcdefghijk-"});
  ASSERT_TRUE(check_prefixes({"abcdefghijklmnopqrstuvwxyz01234-", "abcdefghijk-"}));
  const std::regex service_rule("[A-Za-z0-9_-]+");
  const std::regex group_rule("[A-Za-z0-9]+(-[A-Za-z0-9]+)*");
  std::mt19937_64 random(20'240'601);
  std::map<std::string, std::string> owners;
  const auto take = [&](std::string name, const std::string& owner) {
    for (char& c : name) c = char(std::tolower(c));
    const auto [at, is_new] = owners.emplace(name, owner);
    EXPECT_TRUE(is_new || at->second == owner) << name << ": " << at->second << ", " << owner;
  };
  for (int i = 0; i < 20'000; ++i) {
    const std::string id = random_id(random);
    for (const Slot slot : {Slot::A, Slot::B}) {
      const std::string service = names.service(id, slot);
      EXPECT_LE(service.size(), kMaxServiceName);
      EXPECT_TRUE(std::regex_match(service, service_rule)) << service;
      take(service, id + std::string(to_string(slot)));
      const std::string discovery = names.discovery(id);
      EXPECT_LE(discovery.size(), kMaxDiscoveryName);
      EXPECT_TRUE(std::regex_match(discovery, service_rule)) << discovery;
      take("cm " + discovery, id);
      for (const Surface surface : {Surface::Rest, Surface::Grpc}) {
        const std::string group = names.target_group(id, slot, surface, "HTTP/8080");
        EXPECT_LE(group.size(), kMaxTargetGroupName);
        EXPECT_TRUE(std::regex_match(group, group_rule)) << group;
        take("tg " + group, id + group.substr(group.size() - 2));
      }
    }
  }
}

TEST(EcsNames, PrefixesThatGiveNoNamesAreRefusedWithTheRemedy) {
  for (const char* bad : {"", "agent", "-agent-", "Agent-", "9agent-", "a--", "agent_x-", "a.b-",
                          "abcdefghijklmnopqrstuvwxyz0123456-"}) {
    const auto refused = check_prefixes({.service = bad});
    ASSERT_FALSE(refused) << bad;
    EXPECT_NE(refused.error().message.find("PAC_ECS_NAME_PREFIX=" + std::string(bad) + ": give"),
              std::string::npos);
  }
  EXPECT_FALSE(check_prefixes({.target_group = "abcdefghijkl-"}));
  EXPECT_TRUE(check_prefixes({}));
}

TEST(EcsNames, TokensAreTheSameForTheSame) {
  EXPECT_EQ(client_token("a"), client_token("a"));
  EXPECT_NE(client_token("a"), client_token("b"));
  EXPECT_LE(client_token("a").size(), kMaxClientToken);
}

}  // namespace
}  // namespace pixell::engine::ecs
