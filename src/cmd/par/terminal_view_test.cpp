#include "cmd/par/terminal_view.hpp"

#include <gtest/gtest.h>

namespace pixell::cmd {
namespace {

TEST(TerminalView, ShowsEachPhaseWithItsTimeWhenItEnds) {
  TerminalView view("http://127.0.0.1:8080", false);

  EXPECT_EQ(view.show(R"({"event":"Phase entered","level":"debug","phase":"fetch","boot_ms":1.5})"),
            "");
  EXPECT_EQ(view.show(R"({"event":"Phase entered","level":"debug","phase":"worker","boot_ms":12})"),
            "  fetch              10.5 ms\n");
  EXPECT_EQ(view.show(R"({"event":"Phase entered","level":"debug","phase":"ready","boot_ms":20})"),
            "  worker              8.0 ms\n");
  EXPECT_EQ(view.show(R"({"event":"Runtime ready","level":"info","boot_ms":20.4})"),
            "ready in 20 ms  http://127.0.0.1:8080\n");
}

TEST(TerminalView, ShowsAFailureWithItsEvidenceAndRemedy) {
  TerminalView view("", false);

  const std::string shown = view.show(
      R"({"event":"Boot failed","level":"error","cause":"missing_module","message":"no x",)"
      R"("evidence":["a","b"],"remedy":"add x","exit_code":13})");

  EXPECT_EQ(shown,
            "failed: no x\n  cause   missing_module (exit 13)\n  | a\n  | b\n  remedy  add x\n");
}

TEST(TerminalView, ShowsRequestsOutputAndWarnings) {
  TerminalView view("", false);

  EXPECT_EQ(view.show(R"({"event":"Request processed","level":"info","method":"GET","url":"/x",)"
                      R"("status_code":200,"process_time":0.0123})"),
            "200 GET /x 12.3 ms\n");
  EXPECT_EQ(view.show(R"({"event":"hello","level":"info","stream":"stdout"})"), "stdout | hello\n");
  EXPECT_EQ(view.show(R"({"event":"Odd","level":"warning","timestamp":"t","reason":"why"})"),
            "warning: Odd reason=why\n");
  EXPECT_EQ(view.show(R"({"event":"Limits of the agent","level":"info"})"), "");
  EXPECT_EQ(view.show("no json"), "no json\n");
}

TEST(TerminalView, LetsNobodyDriveTheTerminal) {
  TerminalView view("", true);

  const std::string shown =
      view.show(R"({"event":"\u001b]0;evil\u0007","level":"info","stream":"stdout"})");

  EXPECT_EQ(shown, "\x1b[2mstdout | \\x1b]0;evil\\x07\x1b[0m\n");
}

}  // namespace
}  // namespace pixell::cmd
