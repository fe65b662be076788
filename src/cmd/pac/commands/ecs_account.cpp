#include "cmd/pac/commands/ecs_account.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "base/process.hpp"
#include "engine/ecs/installation.hpp"
#include "engine/ecs/tags.hpp"

namespace pixell::cmd {

namespace ecs = engine::ecs;

namespace {

Outcome<std::string> find_installation(const EcsPlace& place, const ecs::Settings& settings) {
  if (!place.installation.empty()) return place.installation;
  std::error_code failed;
  const auto state = std::filesystem::canonical(place.state, failed);
  if (!failed) return told(ecs::find_installation(state, settings));
  if (!settings.installation.empty()) return settings.installation;
  return failure(ExitCode::Failed,
                 fmt::format("--state {}: {}; give the directory of `pac serve`, or "
                             "--installation, the value of the tag {}",
                             place.state, failed.message(), ecs::kInstallationTag));
}

}  // namespace

Outcome<EcsAccount> find_ecs_account(const EcsPlace& place) {
  auto environment = own_environment();
  auto settings = told(ecs::read_settings(environment));
  if (!settings) return std::unexpected(settings.error());
  auto installation = find_installation(place, *settings);
  if (!installation) return std::unexpected(installation.error());
  return EcsAccount{.environment = std::move(environment),
                    .settings = std::move(*settings),
                    .installation = std::move(*installation)};
}

}  // namespace pixell::cmd
