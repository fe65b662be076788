#include "par/prepare/pip_report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>

#include "apkg/digest.hpp"
#include "base/percent.hpp"

namespace pixell::prepare {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

// Empty when it is no file of the folders.
std::string digest_of_local(const std::string& url, const std::vector<fs::path>& folders) {
  constexpr std::string_view kScheme = "file://";
  if (!url.starts_with(kScheme)) return {};
  const auto decoded = percent_decode(std::string_view(url).substr(kScheme.size()));
  if (!decoded) return {};
  std::error_code failed;
  const fs::path path = fs::canonical(*decoded, failed);
  if (failed || !fs::is_regular_file(path, failed)) return {};
  for (const fs::path& folder : folders) {
    const fs::path inside = path.lexically_relative(fs::canonical(folder, failed));
    if (failed || inside.empty() || *inside.begin() == "..") continue;
    const auto digest = apkg::sha256_of_file(path);
    return digest ? *digest : std::string();
  }
  return {};
}

// One line of the lock; empty for the package itself, which is only asked what it requires.
apkg::Checked<std::string> lock_line(const json& item, const std::vector<fs::path>& folders) {
  const json& download = item.at("download_info");
  if (download.contains("dir_info")) return std::string();
  const auto name = item.at("metadata").at("name").get<std::string>();
  const json archive = download.value("archive_info", json::object());
  const json hashes = archive.value("hashes", json::object());
  const std::string sha256 = hashes.contains("sha256")
                                 ? hashes.at("sha256").get<std::string>()
                                 : digest_of_local(download.value("url", ""), folders);
  if (sha256.empty())
    return apkg::refuse(model::Cause::DependencyFailed,
                        fmt::format("the requirement {} has no archive to lock by hash", name));
  return fmt::format("{}=={} --hash=sha256:{}\n", name,
                     item.at("metadata").at("version").get<std::string>(), sha256);
}

}  // namespace

apkg::Checked<std::string> lock_of_report(const std::string& text,
                                          const std::vector<fs::path>& folders) try {
  const json report = json::parse(text);
  std::string lock;
  for (const json& item : report.at("install")) {
    CHECKED_TRY(const std::string line, lock_line(item, folders));
    lock += line;
  }
  return lock;
} catch (const json::exception& wrong) {
  return apkg::refuse(model::Cause::DependencyFailed, "pip wrote no resolution report",
                      {wrong.what()});
}

}  // namespace pixell::prepare
