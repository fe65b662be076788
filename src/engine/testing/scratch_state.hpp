#pragma once

#include <filesystem>
#include <string>

#include "engine/instance_spec.hpp"

namespace pixell::engine::testing {

/// A scratch state directory that other users can get through, removed at the end.
class ScratchState {
 public:
  ScratchState();
  ~ScratchState();
  ScratchState(const ScratchState&) = delete;
  ScratchState& operator=(const ScratchState&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// A spec that the scripted par turns into a ready instance.
InstanceSpec fake_par_spec(const std::string& id);

}  // namespace pixell::engine::testing
