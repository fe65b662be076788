#include "engine/testing/scratch_state.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

namespace pixell::engine::testing {

namespace fs = std::filesystem;

ScratchState::ScratchState() {
  char name[] = "/tmp/pixell-node-XXXXXX";
  EXPECT_NE(::mkdtemp(name), nullptr);
  path_ = name;
  ::chmod(name, 0711);
}

ScratchState::~ScratchState() {
  std::error_code failed;
  fs::remove_all(path_, failed);
  EXPECT_FALSE(failed) << failed.message();
}

InstanceSpec fake_par_spec(const std::string& id) {
  InstanceSpec spec;
  spec.id = id;
  spec.app_id = "demo";
  spec.revision = 1;
  spec.package_path = "/nonexistent/package.apkg";
  spec.package_sha256 = std::string(64, 'a');
  spec.base_path = "/agents/demo";
  spec.grace = Millis(2'000);
  return spec;
}

}  // namespace pixell::engine::testing
