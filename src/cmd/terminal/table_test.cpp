#include "cmd/terminal/table.hpp"

#include <gtest/gtest.h>

namespace pixell::cmd {
namespace {

Table table() {
  Table made({{"NAME"}, {"COUNT", true}, {"NOTE"}});
  made.add({"Zo\xc3\xab", "7", "fine"});
  made.add({"b", "1000", ""});
  return made;
}

TEST(Table, AlignsByWhatIsSeen) {
  EXPECT_EQ(table().text({}),
            "NAME  COUNT  NOTE\n"
            "Zo\xc3\xab       7  fine\n"
            "b      1000\n");
}

TEST(Table, PaintsOnlyTheText) {
  Table one({{"A"}, {"B"}});
  one.add({Cell("x", Colour::Green), "y"});

  EXPECT_EQ(one.text({.is_terminal = true, .has_colour = true}),
            "\x1b[2mA\x1b[0m  \x1b[2mB\x1b[0m\n\x1b[32mx\x1b[0m  y\n");
}

TEST(Table, NarrowsItsWidestColumnToTheScreen) {
  Table one({{"ID"}, {"MESSAGE"}});
  one.add({"1", std::string(100, 'm')});

  EXPECT_EQ(one.text({.is_terminal = true, .width = 20}),
            "ID  MESSAGE\n1   " + std::string(15, 'm') + "\xe2\x80\xa6\n");
}

TEST(Table, KeepsColumnsReadableOnATinyScreen) {
  Table one({{"ID"}, {"MESSAGE"}});
  one.add({"1", std::string(100, 'm')});

  EXPECT_EQ(one.text({.is_terminal = true, .width = 3}),
            "ID  MESSAGE\n1   " + std::string(7, 'm') + "\xe2\x80\xa6\n");
}

TEST(Table, ShowsControlCharactersAsText) {
  Table one({{"A"}});
  one.add({"\x1b[2J\n"});

  EXPECT_EQ(one.text({}), "A\n\\x1b[2J\\x0a\n");
}

}  // namespace
}  // namespace pixell::cmd
