#include "edge/surface.hpp"

#include <gtest/gtest.h>

#include <string>

namespace pixell::edge {
namespace {

struct Case {
  const char* name;
  const char* method;
  const char* path;
  Surface surface;
};

class SurfaceOfPath : public ::testing::TestWithParam<Case> {};

TEST_P(SurfaceOfPath, IsToldByTheFormOfTheRequest) {
  net::RequestHead head;
  head.method = GetParam().method;

  EXPECT_EQ(to_string(surface_of(head, false, GetParam().path)), to_string(GetParam().surface));
  EXPECT_EQ(surface_of(head, true, GetParam().path), Surface::A2a) << "every gRPC call";
}

INSTANTIATE_TEST_SUITE_P(
    Table, SurfaceOfPath,
    ::testing::Values(
        Case{"api", "GET", "/api/hello", Surface::Rest},
        Case{"a_file_of_the_api", "GET", "/api/report.pdf", Surface::Rest},
        Case{"description", "GET", "/openapi.json", Surface::Rest},
        Case{"health", "GET", "/health", Surface::Rest}, Case{"put", "PUT", "/", Surface::Rest},
        Case{"post", "POST", "/items", Surface::Rest},
        Case{"not_a2a", "GET", "/a2alike", Surface::Rest}, Case{"rpc", "POST", "/", Surface::A2a},
        Case{"rpc_without_slash", "POST", "", Surface::A2a},
        Case{"rpc_below_a2a", "POST", "/a2a", Surface::A2a},
        Case{"a2a_health", "GET", "/a2a/health", Surface::A2a},
        Case{"card", "GET", "/.well-known/agent.json", Surface::A2a},
        Case{"stream", "POST", "/stream", Surface::A2a}, Case{"page", "GET", "/", Surface::Ui},
        Case{"page_without_slash", "HEAD", "", Surface::Ui},
        Case{"below_ui", "GET", "/ui/settings", Surface::Ui},
        Case{"asset", "GET", "/assets/app.js", Surface::Ui}),
    [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace pixell::edge
