#include "engine/records/installation_mark.hpp"

#include <gtest/gtest.h>

namespace pixell::engine {
namespace {

TEST(InstallationMark, TellsStateDirectoriesApart) {
  EXPECT_EQ(installation_mark("/a/.pixell").text, installation_mark("/a/.pixell").text);
  EXPECT_NE(installation_mark("/a/.pixell").text, installation_mark("/b/.pixell").text);
  EXPECT_EQ(installation_mark("/a").text.size(), 12u);
}

}  // namespace
}  // namespace pixell::engine
