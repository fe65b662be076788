#include "engine/ecs/installation.hpp"

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/ids.hpp"

namespace pixell::engine::ecs {

namespace {

std::filesystem::path file_in(const std::filesystem::path& state_dir) {
  return state_dir / "ecs" / "installation";
}

Result<std::string> kept_in(const std::filesystem::path& state_dir) {
  auto text = read_file(file_in(state_dir));
  if (!text) return std::move(text).error();
  while (text->ends_with('\n')) text->pop_back();
  if (is_installation(*text)) return text;
  return make_error(ErrorCode::DataLoss,
                    fmt::format("{} says no value of a tag: write that of this installation's "
                                "services into it",
                                file_in(state_dir).string()));
}

}  // namespace

Result<std::optional<std::string>> kept_installation(const std::filesystem::path& state_dir) {
  auto kept = kept_in(state_dir);
  if (kept) return std::optional(std::move(*kept));
  if (kept.error().code == ErrorCode::NotFound) return std::optional<std::string>();
  return std::move(kept).error();
}

Result<void> keep_installation(const std::filesystem::path& state_dir,
                               const std::string& installation) {
  TRY_VOID(make_directories(state_dir / "ecs"));
  return write_file_atomically(file_in(state_dir), installation + '\n', 0600);
}

Result<std::string> find_installation(const std::filesystem::path& state_dir,
                                      const Settings& settings) {
  auto kept = kept_in(state_dir);
  if (!kept && kept.error().code != ErrorCode::NotFound) return kept;
  if (!kept && settings.installation.empty())
    return make_error(ErrorCode::NotFound,
                      fmt::format("{} is not there: `pac serve --engine ecs` makes it",
                                  file_in(state_dir).string()));
  if (!kept) return settings.installation;
  if (!settings.installation.empty() && settings.installation != *kept)
    return make_error(
        ErrorCode::FailedPrecondition,
        fmt::format("PAC_ECS_INSTALLATION={}: this state directory is that of {}; give that, or "
                    "nothing",
                    settings.installation, *kept));
  return kept;
}

Result<std::string> ensure_installation(const std::filesystem::path& state_dir,
                                        const Settings& settings, const Clock& clock) {
  auto found = find_installation(state_dir, settings);
  if (!found && found.error().code != ErrorCode::NotFound) return found;
  std::string installation = found ? *found : new_ulid(clock.unix_now());
  if (!found)
    for (char& c : installation)
      if (c >= 'A' && c <= 'Z') c = char(c - 'A' + 'a');
  if (kept_in(state_dir)) return installation;
  TRY_VOID(keep_installation(state_dir, installation));
  return installation;
}

}  // namespace pixell::engine::ecs
