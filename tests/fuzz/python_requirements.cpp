// What the package of a stranger says about its dependencies: blocks divided by lines "---" are
// requirements.txt, base.txt, pyproject.toml, setup.py and setup.cfg of a package beside which
// stands a file that must not be read.

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "apkg/declared_dependencies.hpp"
#include "apkg/limits.hpp"
#include "apkg/requirements.hpp"
#include "base/check.hpp"
#include "input.hpp"
#include "scratch_directory.hpp"

namespace {

namespace fs = std::filesystem;

constexpr std::array kFiles = {"requirements.txt", "base.txt", "pyproject.toml", "setup.py",
                               "setup.cfg"};

constexpr std::string_view kSecret = "secret==1\n";

// A package whose neighbour has a secret, and a link to it.
struct Package {
  Package() {
    fs::create_directory(root);
    pixell::fuzz::write_scratch(scratch.path() / "secret.txt", kSecret);
    fs::create_symlink(scratch.path() / "secret.txt", root / "link.txt");
  }
  pixell::fuzz::ScratchDirectory scratch;
  fs::path root = scratch.path() / "package";
};

void fill(const fs::path& root, std::string_view text) {
  constexpr std::string_view kDivider = "\n---\n";
  for (const char* name : kFiles) {
    const std::size_t end = std::min(text.find(kDivider), text.size());
    if (end == 0)
      fs::remove(root / name);
    else
      pixell::fuzz::write_scratch(root / name, text.substr(0, end));
    text.remove_prefix(std::min(end + kDivider.size(), text.size()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Package package;
  const std::string_view text = pixell::fuzz::text_of(data, size);
  for (const auto& declared :
       {pixell::apkg::read_pyproject(text), pixell::apkg::read_setup_py(text)})
    for (const std::string& requirement : declared.requirements)
      CHECK(text.find(requirement) != std::string_view::npos, "a requirement is as written");

  fill(package.root, text);
  const auto found = pixell::apkg::find_requirements(package.root);
  if (!found) {
    CHECK(found.error().cause == pixell::model::Cause::DependencyFailed, "the cause has its name");
    return 0;
  }
  CHECK(found->files.size() <= pixell::apkg::kMaxRequirementsFiles, "files are limited");
  for (const auto& file : found->files) {
    const bool is_its_own = text.find(kSecret) != std::string_view::npos;
    CHECK(is_its_own || file.text != kSecret, "nothing outside the package is read");
    CHECK(!file.path.starts_with("..") && !file.path.starts_with('/'), "nor named");
  }
  CHECK(found->needs_build == !found->project_files.empty(), "a build has its files");
  return 0;
}
