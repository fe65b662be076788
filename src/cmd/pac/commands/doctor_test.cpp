#include "cmd/pac/commands/doctor.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include "base/testing/fake_clock.hpp"
#include "cmd/pac/commands/doctor_facts.hpp"
#include "cmd/pac/testing/fake_pixell.hpp"

namespace pixell::cmd {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class DoctorPixellTest : public ::testing::Test {
 protected:
  PixellFacts look() { return gather_pixell_facts(ApiClient(pixell_.url()), clock_); }
  void reply_healthy() {
    pixell_.reply("GET /healthz",
                  {{"ok", true}, {"version", "1.2.3"}, {"timestamp", clock_.unix_now() + 10'000}});
  }

  FakeClock clock_;
  testing::FakePixell pixell_;
};

TEST_F(DoctorPixellTest, KnowsItsVersionClockAndRoles) {
  const json alive = {{"pid", ::getpid()}};
  reply_healthy();
  pixell_.reply("GET /v1/system",
                {{"roles", {{"serve", alive}, {"control", alive}, {"edge", alive}}},
                 {"engine", {{"name", "local"}, {"notes", {"no limits"}}}}});

  const PixellFacts facts = look();

  EXPECT_TRUE(facts.is_reachable && facts.is_healthy);
  EXPECT_EQ(facts.version, "1.2.3");
  EXPECT_EQ(facts.clock_ahead_ms, 10'000);
  EXPECT_THAT(facts.roles_away, ElementsAre("node"));
  EXPECT_THAT(facts.notes, ElementsAre("no limits"));
}

TEST_F(DoctorPixellTest, TellsAnIllPixellFromNone) {
  pixell_.reply("GET /healthz", {{"error", "the store does not answer"}}, 503);

  const PixellFacts ill = look();

  EXPECT_TRUE(ill.is_reachable);
  EXPECT_FALSE(ill.is_healthy);
  EXPECT_EQ(ill.problem, "the store does not answer");
}

TEST_F(DoctorPixellTest, TakesAStrangerForNoPixell) {
  EXPECT_FALSE(look().is_reachable);  // 404
  pixell_.reply("GET /healthz", json::array());
  EXPECT_FALSE(look().is_reachable);
  pixell_.reply("GET /healthz", {{"version", 7}});
  EXPECT_FALSE(look().is_reachable);
}

TEST_F(DoctorPixellTest, ShowsEveryCheckAsTextAndAsJson) {
  const TempDirectory directory;
  const auto doctor = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = {"doctor", "--state", directory / "s", "--url",
                                          pixell_.url()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return testing::run_pac(std::move(arguments));
  };

  const testing::Ran text = doctor({});
  const testing::Ran document = doctor({"--json"});

  for (const char* name : {"open files", "control groups", "clock", "port 4000", "state directory",
                           "disk space", "python", "pixell"})
    EXPECT_THAT(text.out, HasSubstr(name));
  bool has_failure = false;
  for (const json& check : json::parse(document.out)) has_failure |= check.at("verdict") == "fail";
  EXPECT_EQ(document.exit_code, has_failure ? 1 : 0);
}

}  // namespace
}  // namespace pixell::cmd
