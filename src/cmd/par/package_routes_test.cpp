#include "cmd/par/package_routes.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace pixell::cmd {
namespace {

model::Manifest three_surfaces() {
  model::Manifest manifest;
  manifest.rest = {.entry = "src.api:mount"};
  manifest.a2a = {.entry = "src.a2a:service", .http_server = {}};
  manifest.ui = {.path = "ui", .base_path = "/"};
  return manifest;
}

std::string route_of(const model::Manifest& manifest, const std::string& base,
                     const std::string& asked) {
  return package_routes(manifest, base, {asked}).front().route;
}

TEST(PackageRoutes, SayWhereAPathGoes) {
  const auto manifest = three_surfaces();

  EXPECT_EQ(route_of(manifest, "/agents/x", "/agents/x/health"), "health");
  EXPECT_EQ(route_of(manifest, "/agents/x", "/agents/x/api/hello"), "rest");
  EXPECT_EQ(route_of(manifest, "/agents/x", "POST /agents/x/a2a"), "a2a_rpc");
  EXPECT_EQ(route_of(manifest, "", "/ui/ui-config.json"), "ui_config");
  EXPECT_EQ(route_of(manifest, "", "GRPC /pixell.agent.AgentService/Ping"), "grpc");
  EXPECT_EQ(route_of({}, "", "/nothing"), "not_found");
}

TEST(PackageRoutes, NameTheEntries) {
  const auto lines = package_routes(three_surfaces(), "", {"/api/x", "/ui/logo.png"});

  EXPECT_EQ(lines[0].goes_to, "files of ui, else REST: src.api:mount");
  EXPECT_NE(lines[1].goes_to.find("files of ui"), std::string::npos);
}

TEST(PackageRoutes, ListTheUsualPathsOnce) {
  const auto lines = package_routes(three_surfaces(), "", {});

  EXPECT_GT(lines.size(), 10U);
  for (const RouteLine& line : lines)
    EXPECT_EQ(std::ranges::count_if(lines,
                                    [&](const RouteLine& other) {
                                      return other.method == line.method && other.path == line.path;
                                    }),
              1)
        << line.method << " " << line.path;
}

}  // namespace
}  // namespace pixell::cmd
