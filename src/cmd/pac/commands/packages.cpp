#include "cmd/pac/commands/packages.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/percent.hpp"
#include "cmd/pac/arguments.hpp"
#include "cmd/pac/commands/names.hpp"
#include "cmd/pac/limits.hpp"
#include "cmd/terminal/table.hpp"

namespace pixell::cmd {

using nlohmann::json;

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kShortDigest = 12;

std::string package_path(const std::string& app, const std::string& package) {
  return app_path(app, "/packages/" + percent_encode(package));
}

Outcome<std::string> read_package(const std::string& path) {
  std::error_code failed;
  if (!fs::is_regular_file(path, failed))
    return failure(ExitCode::Failed,
                   fmt::format("package '{}' is not a file; give the path of an .apkg file, or an "
                               "https:// address",
                               path));
  const auto bytes = fs::file_size(path, failed);
  if (failed || bytes > kMaxUploadBytes)
    return failure(ExitCode::Failed,
                   fmt::format("package '{}' is larger than {}; deploy it by an https:// address",
                               path, show_bytes(static_cast<std::int64_t>(kMaxUploadBytes))));
  std::ifstream file(path, std::ios::binary);
  std::string content(bytes, '\0');
  file.read(content.data(), static_cast<std::streamsize>(bytes));
  if (!file)
    return failure(ExitCode::Failed, fmt::format("package '{}' cannot be read; check that this "
                                                 "user may read it",
                                                 path));
  return content;
}

}  // namespace

bool is_address(std::string_view package) { return package.find("://") != std::string_view::npos; }

Outcome<json> upload_package(const Session& session, const PackageUpload& upload) {
  auto content = read_package(upload.file);
  if (!content) return std::unexpected(content.error());
  const auto reply = session.api.upload({.path = app_path(upload.app, "/packages"),
                                         .file = std::move(*content),
                                         .version = {},
                                         .replaces = upload.replaces});
  if (!reply) return std::unexpected(reply.error());
  return reply->at("package");
}

Outcome<void> list_packages(const Session& session, const std::string& app) {
  const auto packages = session.api.list(
      app_path(app, "/packages?limit=" + std::to_string(kPageItems)), "packages", kMaxListed);
  if (!packages) return std::unexpected(packages.error());
  if (session.wants_json) {
    show_json(*packages);
    return {};
  }
  Table table({{"ID"}, {"NAME"}, {"VERSION"}, {"SIZE", true}, {"SHA-256"}, {"STORED"}, {"SOURCE"}});
  for (const json& one : *packages)
    table.add({text_at(one, "id"), text_at(one, "name"), text_at(one, "version"),
               show_bytes(one.at("size_bytes").get<std::int64_t>()),
               one.at("sha256").get<std::string>().substr(0, kShortDigest),
               show_age(one.at("created_at").get<std::string>(), session.clock.unix_now()),
               text_at(one, "source")});
  show(table.text(session.screen));
  return {};
}

Outcome<void> push_package(const Session& session, const PackageUpload& upload) {
  const auto package = upload_package(session, upload);
  if (!package) return std::unexpected(package.error());
  if (session.wants_json)
    show_json(*package);
  else
    show(fmt::format("package {} stored: {} {}, {}\n", text_at(*package, "id"),
                     text_at(*package, "name"), text_at(*package, "version"),
                     show_bytes(package->at("size_bytes").get<std::int64_t>())));
  return {};
}

Outcome<void> show_package(const Session& session, const std::string& app,
                           const std::string& package) {
  const auto reply = session.api.get(package_path(app, package));
  if (!reply) return std::unexpected(reply.error());
  if (session.wants_json) {
    show_json(*reply);
    return {};
  }
  const json& one = reply->at("package");
  std::string text = fmt::format("package {}: {} {}\n", text_at(one, "id"), text_at(one, "name"),
                                 text_at(one, "version"));
  text +=
      fmt::format("  SHA-256  {}\n  size     {}\n  stored   {}\n", text_at(one, "sha256"),
                  show_bytes(one.at("size_bytes").get<std::int64_t>()), text_at(one, "created_at"));
  if (one.contains("source")) text += fmt::format("  source   {}\n", text_at(one, "source"));
  text += "  manifest\n";
  for (const auto& [key, value] : reply->at("manifest").items())
    text += fmt::format("    {}  {}\n", padded(plain(key), 14), text_of(value));
  show(text);
  return {};
}

Outcome<void> delete_package(const Session& session, const std::string& app,
                             const std::string& package) {
  const auto reply = session.api.send({.method = "DELETE", .path = package_path(app, package)});
  if (!reply) return std::unexpected(reply.error());
  if (session.wants_json)
    show_json({{"deleted", package}});
  else
    show(fmt::format("package {} deleted\n", plain(package)));
  return {};
}

}  // namespace pixell::cmd
