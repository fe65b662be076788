#include "cmd/terminal/completion.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pixell::cmd {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

CommandWords program() {
  return {.name = "prog",
          .description = "does things",
          .options = {{.name = "--version", .description = "the version"}},
          .commands = {{.name = "make",
                        .description = "it's made: here",
                        .options = {{.name = "--how",
                                     .description = "the way",
                                     .has_value = true,
                                     .choices = {"fast", "well"}}},
                        .files = CommandWords::Files::Packages},
                       {.name = "things",
                        .description = "many",
                        .commands = {{.name = "push", .description = "one more"}}}}};
}

TEST(Completion, KnowsCommandsOptionsAndValuesInEachShell) {
  for (const std::string_view shell : kCompletionShells) {
    const auto script = completion_script(program(), shell);

    ASSERT_TRUE(script) << shell;
    for (const char* word : {"make", "things", "push", "how", "fast well", "version"})
      EXPECT_THAT(*script, HasSubstr(word)) << shell;
    EXPECT_THAT(*script, Not(HasSubstr("it's"))) << shell;  // would end the quotes
  }
}

TEST(Completion, IsForThreeShells) { EXPECT_FALSE(completion_script(program(), "tcsh")); }

}  // namespace
}  // namespace pixell::cmd
