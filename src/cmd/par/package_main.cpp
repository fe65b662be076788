// par-package: the commands of par that look at packages. A program of its own, because par itself
// links no library for zip or YAML.

#include <string>
#include <vector>

#include "base/files.hpp"
#include "cmd/par/package_commands.hpp"

int main(int argc, char** argv) {
  const auto result =
      pixell::cmd::run_package_command(std::vector<std::string>(argv + 1, argv + argc));
  const bool is_heard =
      pixell::write_all(2, result.err).has_value() && pixell::write_all(1, result.out).has_value();
  return is_heard ? result.exit_code : 2;
}
