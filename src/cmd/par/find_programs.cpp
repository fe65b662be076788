#include "cmd/par/find_programs.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

namespace pixell::cmd {

namespace {

namespace fs = std::filesystem;

Result<std::string> first_existing(const char* what, const std::vector<fs::path>& places) {
  std::string looked;
  for (const fs::path& place : places) {
    std::error_code failed;
    if (fs::exists(place, failed)) return place.string();
    looked += (looked.empty() ? "" : ", ") + place.string();
  }
  return make_error(ErrorCode::NotFound, fmt::format("{} is not in {}", what, looked));
}

}  // namespace

Result<par::Programs> find_programs(const par::Environment& env) {
  std::error_code failed;
  const fs::path folder = fs::read_symlink("/proc/self/exe", failed).parent_path();
  std::vector<fs::path> prepare_places = {folder / "par-prepare"};
  if (const auto given = env.find("PAR_PREPARE"); given != env.end() && !given->second.empty())
    prepare_places = {given->second};
  std::vector<fs::path> share_places = {folder.parent_path() / "share/pixell",
                                        fs::path(PIXELL_SOURCE_DIR)};
  if (const auto given = env.find("PIXELL_SHARE"); given != env.end() && !given->second.empty())
    share_places = {given->second};
  for (fs::path& place : share_places) place /= "workers/python";
  par::Programs programs;
  TRY(programs.prepare, first_existing("par-prepare", prepare_places));
  // Needed for the export of spans only; whether it is there is seen then.
  programs.telemetry = (fs::path(programs.prepare).parent_path() / "par-telemetry").string();
  TRY(programs.worker_dir, first_existing("workers/python", share_places));
  // An image has some; elsewhere there are none, and all are installed.
  programs.environments =
      (fs::path(programs.worker_dir).parent_path().parent_path() / "environments").string();
  return programs;
}

}  // namespace pixell::cmd
