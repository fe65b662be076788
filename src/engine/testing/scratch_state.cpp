#include "engine/testing/scratch_state.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace pixell::engine::testing {

ScratchState::ScratchState() { EXPECT_EQ(::chmod(path().c_str(), 0711), 0); }

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
