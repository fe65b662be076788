#include "edge/agent_path.hpp"

#include <gtest/gtest.h>

#include <string>

namespace pixell::edge {
namespace {

TEST(AgentPath, IsWhatIsBehindTheId) {
  EXPECT_EQ(agent_path("/agents/hello/a/b"), "/a/b");
  EXPECT_EQ(agent_path("/agents/hello/"), "/");
  EXPECT_EQ(agent_path("/agents/hello"), "");
  EXPECT_EQ(agent_path("/v1/x"), "/v1/x");
}

bool is_health(std::string method, std::string_view path, std::string_view type = "") {
  net::RequestHead head;
  head.method = std::move(method);
  if (!type.empty()) head.headers.add("content-type", type);
  return is_health_check(head, path);
}

TEST(HealthCheck, IsWhatAsksHowAnAgentIs) {
  for (const char* path : {"/health", "/a2a/health", "/ui/health"}) {
    EXPECT_TRUE(is_health("GET", path)) << path;
    EXPECT_TRUE(is_health("HEAD", path)) << path;
    EXPECT_FALSE(is_health("POST", path)) << path;
  }
  EXPECT_TRUE(is_health("POST", "/a2a/grpc.health.v1.Health/Check", "application/grpc"));
}

TEST(HealthCheck, IsNothingElse) {
  for (const char* path : {"", "/", "/healthy", "/api/health", "/grpc.health.v1.Health/Check"})
    EXPECT_FALSE(is_health("GET", path)) << path;
}

}  // namespace
}  // namespace pixell::edge
