#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "engine/ecs/journal.hpp"

namespace pixell::engine::ecs {

/// The journal on disk: `<directory>/<app>.json`, the app's open steps, no file when there are
/// none. A step that began survives a power cut; that it ended need not, since who finds it open
/// looks again. What was made is logged. Safe from several threads.
class FileJournal final : public Journal {
 public:
  FileJournal(std::filesystem::path directory, Log log)
      : directory_(std::move(directory)), log_(std::move(log)) {}

  Result<void> begin(const Step& step) override;
  Result<void> end(const Step& step, const std::string& result) override;
  /// DataLoss names the file when it cannot be understood.
  Result<std::vector<Step>> open(const std::string& app_id) override;

 private:
  std::filesystem::path file_of(const std::string& app_id) const;
  Result<std::vector<Step>*> steps_of(const std::string& app_id);
  Result<void> write(const std::string& app_id, const std::vector<Step>& steps) const;

  const std::filesystem::path directory_;
  const Log log_;
  std::mutex mutex_;  // guards what follows, and the files
  std::map<std::string, std::vector<Step>> known_{};
};

}  // namespace pixell::engine::ecs
