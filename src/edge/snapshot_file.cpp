#include "edge/snapshot_file.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace pixell::edge {

namespace {

constexpr std::string_view kFormat = "pixell-routes 1 ";

// FNV-1a, 64 bit: finds torn and flipped bytes; it guards against accidents, not against people.
std::uint64_t checksum(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (char byte : bytes) {
    hash ^= static_cast<unsigned char>(byte);
    hash *= 0x100000001b3ULL;
  }
  return hash;
}

}  // namespace

std::string encode_snapshot_file(const model::RouteSnapshot& snapshot) {
  const std::string json = model::to_json(snapshot).dump();
  return fmt::format("{}{:016x}\n{}", kFormat, checksum(json), json);
}

Result<model::RouteSnapshot> decode_snapshot_file(std::string_view content) {
  const std::size_t end = content.find('\n');
  if (!content.starts_with(kFormat) || end != kFormat.size() + 16)
    return make_error(ErrorCode::DataLoss, "the route snapshot file has another format");
  const std::string_view json = content.substr(end + 1);
  if (content.substr(kFormat.size(), 16) != fmt::format("{:016x}", checksum(json)))
    return make_error(ErrorCode::DataLoss, "the route snapshot file is damaged (checksum)");
  const auto parsed = nlohmann::json::parse(json, nullptr, false);
  if (parsed.is_discarded())
    return make_error(ErrorCode::DataLoss, "the route snapshot file is not JSON");
  return model::route_snapshot_from_json(parsed);
}

Result<void> save_snapshot(const std::filesystem::path& path, const model::RouteSnapshot& snapshot,
                           Durability durability) {
  return write_file_atomically(path, encode_snapshot_file(snapshot), 0600, durability);
}

Result<model::RouteSnapshot> load_snapshot(const std::filesystem::path& path) {
  TRY(const std::string content, read_file(path));
  return decode_snapshot_file(content);
}

}  // namespace pixell::edge
