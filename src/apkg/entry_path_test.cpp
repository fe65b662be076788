#include "apkg/entry_path.hpp"

#include <gtest/gtest.h>

#include "apkg/limits.hpp"

namespace pixell::apkg {
namespace {

TEST(EntryPath, KeepsHonestNames) {
  EXPECT_EQ(safe_entry_path("agent.yaml").value(), "agent.yaml");
  EXPECT_EQ(safe_entry_path("src/main.py").value(), "src/main.py");
  EXPECT_EQ(safe_entry_path("src/").value(), "src");
  EXPECT_EQ(safe_entry_path("./src/main.py").value(), "src/main.py");
  EXPECT_EQ(safe_entry_path("..a/b..").value(), "..a/b..");
  EXPECT_EQ(safe_entry_path("füße.txt").value(), "füße.txt");
}

struct BadName {
  const char* why;
  std::string name;
  const char* message;
};

class EntryPathRefuses : public testing::TestWithParam<BadName> {};

TEST_P(EntryPathRefuses, AndSaysWhy) {
  const auto path = safe_entry_path(GetParam().name);

  ASSERT_FALSE(path);
  EXPECT_NE(path.error().message.find(GetParam().message), std::string::npos)
      << path.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    Names, EntryPathRefuses,
    testing::Values(BadName{"parent", "../x", "\"..\""}, BadName{"inner", "a/../../x", "\"..\""},
                    BadName{"last", "a/..", "\"..\""}, BadName{"absolute", "/etc/x", "absolute"},
                    BadName{"backslash", "a\\..\\x", "backslash"}, BadName{"drive", "C:x", "drive"},
                    BadName{"empty", "", "no name"}, BadName{"root", "./", "no name"},
                    BadName{"slashes", "a//b", "empty"}, BadName{"dot", "a/./b", "\".\""},
                    BadName{"control", "a\nb", "control"},
                    BadName{"long", std::string(kMaxEntryNameBytes + 1, 'n'), "longer"},
                    BadName{"longest", std::string(kMaxEntryPathBytes + 1, 'n'), "longer"},
                    BadName{"deep",
                            [] {
                              std::string deep;
                              for (std::size_t i = 0; i <= kMaxEntryDepth; ++i) deep += "d/";
                              return deep + "f";
                            }(),
                            "deeper"}),
    [](const auto& row) { return std::string(row.param.why); });

TEST(ShownName, EscapesAndCuts) {
  EXPECT_EQ(shown_name("a\"b\n"), "a\\\"b\\x0a");
  EXPECT_LT(shown_name(std::string(1000, 'x')).size(), 210U);
}

}  // namespace
}  // namespace pixell::apkg
