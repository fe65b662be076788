#include "cmd/pac/commands/log_line.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cmd/pac/arguments.hpp"
#include "cmd/pac/commands/names.hpp"
#include "cmd/terminal/text.hpp"

namespace pixell::cmd {

using nlohmann::json;

namespace {

constexpr std::size_t kTimeWidth = 18;  // "11-26 13:50:01.123"

// "11-26 13:50:01.123" of an ISO time; another text as it is.
std::string short_time(const std::string& iso) {
  if (!parse_iso8601(iso)) return iso;
  std::string fraction = iso[19] == '.' ? iso.substr(20, iso.size() - 21) : std::string();
  fraction.resize(3, '0');
  return fmt::format("{} {}.{}", iso.substr(5, 5), iso.substr(11, 8), fraction);
}

Colour colour_of(std::string_view level) {
  if (level == "error" || level == "critical") return Colour::Red;
  if (level == "warning" || level == "warn") return Colour::Yellow;
  return level == "debug" ? Colour::Dim : Colour::Plain;
}

std::string taken(json& line, const char* key) {
  std::string text = text_at(line, key);
  line.erase(key);
  return text;
}

}  // namespace

std::string show_log_line(std::string_view text, std::string_view instance, bool has_colour) {
  json line = json::parse(text, nullptr, false);
  if (!line.is_object()) line = {{"event", plain(text)}};
  std::string id = taken(line, "instance");
  if (id.empty()) id = instance;
  line.erase("revision");
  const std::string level = text_at(line, "level");
  const std::string stream = text_at(line, "stream");
  std::string event = text_at(line, "event");
  if (event.empty()) event = taken(line, "message");
  const std::string start =
      fmt::format("{} {} {}", padded(short_time(text_at(line, "timestamp")), kTimeWidth),
                  short_instance_id(id), padded(level.empty() ? "-" : level, 7));
  const std::string message = stream.empty() ? event : stream + " | " + event;
  return painted(Colour::Dim, start, has_colour) + " " +
         painted(colour_of(level), message, has_colour) +
         painted(Colour::Dim, log_fields(line), has_colour);
}

}  // namespace pixell::cmd
