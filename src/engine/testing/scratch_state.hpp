#pragma once

#include <filesystem>
#include <string>

#include "base/testing/temp_directory.hpp"
#include "engine/instance_spec.hpp"

namespace pixell::engine::testing {

/// A scratch state directory that other users can get through, removed at the end.
class ScratchState {
 public:
  ScratchState();
  const std::filesystem::path& path() const { return directory_.path(); }

 private:
  TempDirectory directory_;
};

/// A spec that the scripted par turns into a ready instance.
InstanceSpec fake_par_spec(const std::string& id);

}  // namespace pixell::engine::testing
