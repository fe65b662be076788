#include "cmd/par/terminal_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace pixell::cmd {

namespace {

using nlohmann::json;

constexpr std::array kBootPhases = {std::string_view("bind"),     std::string_view("fetch"),
                                    std::string_view("verify"),   std::string_view("unpack"),
                                    std::string_view("manifest"), std::string_view("dependencies"),
                                    std::string_view("worker"),   std::string_view("probe")};

double number_at(const json& line, const char* key) {
  const auto found = line.find(key);
  return found != line.end() && found->is_number() ? found->get<double>() : 0;
}

}  // namespace

std::string TerminalView::painted(Colour colour, std::string_view text) const {
  return cmd::painted(colour, text, has_colour_);
}

std::string TerminalView::end_phase(double now_ms) {
  if (phase_.empty()) return {};
  std::string line = fmt::format("  {:<13} {:>9.1f} ms\n", phase_, now_ms - phase_began_ms_);
  phase_.clear();
  return line;
}

std::string TerminalView::show(std::string_view line) {
  const json json = json::parse(line, nullptr, false);
  if (!json.is_object()) return line.empty() ? std::string() : plain(line) + "\n";
  const std::string event = text_at(json, "event");
  const std::string level = text_at(json, "level");
  const std::string stream = text_at(json, "stream");

  if (event == "Phase entered") {
    const double now = number_at(json, "boot_ms");
    std::string shown = end_phase(now);
    const std::string phase = text_at(json, "phase");
    if (std::ranges::find(kBootPhases, phase) != kBootPhases.end()) {
      phase_ = phase;
      phase_began_ms_ = now;
    }
    return shown;
  }
  if (level == "debug") return {};
  if (!stream.empty()) return painted(Colour::Dim, stream + " | " + event) + "\n";
  if (event == "Request processed")
    return fmt::format("{} {} {} {:.1f} ms\n",
                       painted(number_at(json, "status_code") < 500 ? Colour::Plain : Colour::Red,
                               text_at(json, "status_code")),
                       text_at(json, "method"), text_at(json, "url"),
                       number_at(json, "process_time") * 1000);
  if (event == "Runtime ready")
    return painted(Colour::Green, fmt::format("ready in {:.0f} ms", number_at(json, "boot_ms"))) +
           fmt::format("  {}\n", url_);
  if (event == "Package loaded successfully")
    return fmt::format("  {} ({})\n", text_at(json, "package_id"), text_at(json, "surfaces"));
  if (event == "Boot failed") {
    std::string shown = painted(Colour::Red, fmt::format("failed: {}", text_at(json, "message"))) +
                        fmt::format("\n  cause   {} (exit {})\n", text_at(json, "cause"),
                                    text_at(json, "exit_code"));
    if (const auto evidence = json.find("evidence"); evidence != json.end() && evidence->is_array())
      for (const auto& one : *evidence) shown += fmt::format("  | {}\n", text_of(one));
    return shown + fmt::format("  remedy  {}\n", text_at(json, "remedy"));
  }
  if (level == "error" || level == "warning")
    return painted(level == "error" ? Colour::Red : Colour::Yellow, level + ": " + event) +
           log_fields(json) + "\n";
  if (event == "Received shutdown signal")
    return fmt::format("stopping ({})\n", text_at(json, "signal"));
  if (event == "Runtime shutdown complete") return "stopped\n";
  return {};
}

}  // namespace pixell::cmd
