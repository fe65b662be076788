#include "par/prepare/confinement.hpp"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "par/prepare/testing/in_a_child.hpp"

namespace pixell::prepare {
namespace {

using nlohmann::json;
using testing::outcome;

Result<void> nothing() { return {}; }

// Bits of what is wrong after it; 0 = nothing.
int confine_and_look(std::vector<json>& lines) {
  confine_preparation([&](const json& line) { lines.push_back(line); });
  rlimit core{};
  ::getrlimit(RLIMIT_CORE, &core);
  return (core.rlim_max == 0 ? 0 : 1) + (::prctl(PR_GET_DUMPABLE) == 0 ? 0 : 2) +
         (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 4);
}

TEST(Confinement, ClosesTheProcessInWithoutAWord) {
  EXPECT_EQ(outcome(nothing,
                    [] {
                      std::vector<json> lines;
                      const int wrong = confine_and_look(lines);
                      const bool is_filtered = ::prctl(PR_GET_SECCOMP) == 2;
                      return wrong + (is_filtered ? 0 : 8) + (lines.empty() ? 0 : 16);
                    }),
            0);
}

TEST(Confinement, IsOneWarningWhereTheKernelHasNoFilters) {
  EXPECT_EQ(outcome(testing::take_filters_away,
                    [] {
                      std::vector<json> lines;
                      const int wrong = confine_and_look(lines);
                      const bool is_told = lines.size() == 1 && lines[0]["level"] == "warning" &&
                                           lines[0]["fields"].contains("reason");
                      return wrong + (is_told ? 0 : 8);
                    }),
            0);
}

}  // namespace
}  // namespace pixell::prepare
