#include "par/prepare/venv.hpp"

#include <fmt/format.h>

#include "base/files.hpp"

namespace pixell::prepare {

namespace fs = std::filesystem;

Result<fs::path> make_venv(const fs::path& directory, const Interpreter& interpreter,
                           const fs::path& site_packages) {
  std::error_code failed;
  fs::remove_all(directory, failed);
  const fs::path packages = directory / "lib" /
                            fmt::format("python{}.{}", interpreter.major, interpreter.minor) /
                            "site-packages";
  for (const fs::path& made :
       {directory, directory / "bin", directory / "lib", packages.parent_path(), packages})
    TRY_VOID(make_directories(made, 0755));
  const fs::path home = fs::path(interpreter.path).parent_path();
  // Made anew by every life of par: nothing here has to survive a power cut.
  TRY_VOID(write_file_atomically(
      directory / "pyvenv.cfg",
      fmt::format("home = {}\ninclude-system-site-packages = false\nversion = {}\n", home.string(),
                  interpreter.version),
      0644, Durability::ProcessCrash));
  TRY_VOID(write_file_atomically(packages / "pixell.pth", site_packages.string() + "\n", 0644,
                                 Durability::ProcessCrash));
  fs::create_symlink(interpreter.path, directory / "bin" / "python", failed);
  if (failed) return errno_error("cannot link the interpreter", failed.value());
  return directory / "bin" / "python";
}

}  // namespace pixell::prepare
