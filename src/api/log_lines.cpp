#include "api/log_lines.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "api/limits.hpp"
#include "api/moments.hpp"
#include "model/bounded_json.hpp"

namespace pixell::api {

std::optional<UnixMillis> time_of_line(std::string_view line) {
  constexpr std::string_view kName = R"("timestamp":)";
  if (!line.starts_with('{')) return std::nullopt;
  std::size_t at = line.find(kName);
  if (at == std::string_view::npos) return std::nullopt;
  at = line.find('"', at + kName.size());
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view value = line.substr(at + 1);
  return parse_rfc3339(value.substr(0, value.find('"')));
}

bool SinceFilter::keeps(std::string_view line) {
  if (!since_) return true;
  if (const auto time = time_of_line(line)) keeps_ = *time >= *since_;
  return keeps_;
}

std::vector<std::string> LineCutter::add(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    open_ += text.substr(0, end);
    if (end == std::string_view::npos) break;
    lines.push_back(std::exchange(open_, {}));
    text.remove_prefix(end + 1);
  }
  // A line without end must not fill the memory: it is cut where it is too long.
  if (open_.size() > kMaxLogBytes) lines.push_back(std::exchange(open_, {}));
  return lines;
}

std::string with_instance(std::string_view line, std::string_view instance, std::int64_t revision) {
  nlohmann::ordered_json named = {{"instance", instance}, {"revision", revision}};
  const auto parsed = model::parse_bounded(line, kMaxJsonDepth);
  if (parsed.value.is_object() && !parsed.is_too_deep) {
    for (const auto& [key, value] : parsed.value.items())
      if (!named.contains(key)) named[key] = value;
  } else {
    named["message"] = line;
  }
  return named.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace pixell::api
