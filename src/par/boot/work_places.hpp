#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.hpp"

namespace pixell::par {

/// The directories of one life of par. Everything below them is removed at the end.
class WorkPlaces {
 public:
  /// Makes them below `instance_dir`, or below a scratch directory when that is empty. What an
  /// earlier life left is removed. With `worker_uid` (not -1) home, tmp and sockets belong to that
  /// user.
  static Result<std::unique_ptr<WorkPlaces>> create(const std::string& instance_dir,
                                                    std::int64_t worker_uid);
  /// Removes what was made.
  ~WorkPlaces();
  WorkPlaces(const WorkPlaces&) = delete;
  WorkPlaces& operator=(const WorkPlaces&) = delete;

  const std::string& prepare() const { return prepare_; }  ///< download and unpacked package
  const std::string& home() const { return home_; }        ///< HOME of the agent
  const std::string& tmp() const { return tmp_; }          ///< TMPDIR of the agent
  const std::string& sockets() const { return sockets_; }  ///< the worker's Unix sockets

 private:
  WorkPlaces() = default;

  std::string root_;
  std::string prepare_;
  std::string home_;
  std::string tmp_;
  std::string sockets_;
  std::string short_dir_;  ///< set when root_ is too long a path for a Unix socket
};

}  // namespace pixell::par
