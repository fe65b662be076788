#include "engine/local/node/kept_logs.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "base/files.hpp"
#include "engine/local/node/limits.hpp"
#include "engine/log_piece.hpp"

namespace pixell::engine::node {

namespace fs = std::filesystem;

namespace {

std::optional<std::int64_t> number_in(std::string_view text) {
  std::int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return {};
  return value;
}

}  // namespace

Result<void> KeptLogs::open(UnixMillis now) {
  TRY_VOID(make_directories(directory_, 0700));
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(directory_, failed)) {
    const std::string name = entry.path().filename().string();
    // Ids have no dots. Anything else here is not ours, or was never finished.
    const std::size_t first = name.find('.');
    const std::size_t last = name.rfind('.');
    if (first == last) continue;
    const auto start = number_in(std::string_view(name).substr(first + 1, last - first - 1));
    const auto at = number_in(std::string_view(name).substr(last + 1));
    if (start && at)
      kept_.insert_or_assign(name.substr(0, first),
                             Kept{.path = entry.path(), .start = *start, .at = *at});
  }
  if (failed)
    return errno_error(fmt::format("cannot list {}", directory_.string()), failed.value());
  make_room(now, kMaxKeptLogs);
  return {};
}

Result<void> KeptLogs::keep(const std::string& id, const LogPiece& end, UnixMillis now) {
  if (const auto before = kept_.find(id); before != kept_.end()) {
    ::unlink(before->second.path.c_str());
    kept_.erase(before);
  }
  make_room(now, kMaxKeptLogs - 1);
  const fs::path path = directory_ / fmt::format("{}.{}.{}", id, end.from, now);
  TRY_VOID(write_file_atomically(path, end.text, 0600, Durability::ProcessCrash));
  kept_[id] = {.path = path, .start = end.from, .at = now};
  return {};
}

Result<LogPiece> KeptLogs::read(const std::string& id, const LogRange& range) const {
  const auto found = kept_.find(id);
  if (found == kept_.end())
    return make_error(ErrorCode::NotFound, fmt::format("no log of instance {} is kept", id));
  TRY(const std::string text, read_file(found->second.path));
  return cut_log(text, found->second.start, range);
}

void KeptLogs::make_room(UnixMillis now, std::size_t max_logs) {
  while (!kept_.empty()) {
    const auto oldest = std::min_element(
        kept_.begin(), kept_.end(), [](auto& a, auto& b) { return a.second.at < b.second.at; });
    if (kept_.size() <= max_logs && now - oldest->second.at <= kKeptLogLife.count()) return;
    ::unlink(oldest->second.path.c_str());
    kept_.erase(oldest);
  }
}

}  // namespace pixell::engine::node
