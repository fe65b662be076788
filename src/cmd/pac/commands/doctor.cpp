#include "cmd/pac/commands/doctor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cmd/pac/commands/doctor_checks.hpp"
#include "cmd/pac/commands/doctor_facts.hpp"

namespace pixell::cmd {

namespace {

constexpr std::size_t kNameWidth = 16;

Colour colour_of(Verdict verdict) {
  if (verdict == Verdict::Fail) return Colour::Red;
  return verdict == Verdict::Warn ? Colour::Yellow : Colour::Green;
}

std::string check_text(const Check& check, bool has_colour) {
  std::string text = fmt::format(
      "{}  {} {}\n",
      painted(colour_of(check.verdict), padded(to_string(check.verdict), 4), has_colour),
      padded(check.name, kNameWidth), plain(check.finding));
  if (!check.remedy.empty())
    text += fmt::format("      {} {}\n", padded("", kNameWidth), check.remedy);
  return text;
}

}  // namespace

Outcome<void> doctor(const Session& session, const std::filesystem::path& state_dir) {
  const auto checks = judge(gather_doctor_facts(session.api, state_dir, session.clock));
  nlohmann::json all = nlohmann::json::array();
  for (const Check& check : checks) {
    all.push_back(to_json(check));
    if (!session.wants_json) show(check_text(check, session.screen.has_colour));
  }
  if (session.wants_json) show_json(all);
  const auto failed = std::ranges::count(checks, Verdict::Fail, &Check::verdict);
  if (failed == 0) return {};
  return failure(ExitCode::Failed, fmt::format("{} of {} checks failed", failed, checks.size()));
}

}  // namespace pixell::cmd
