#include "model/language.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace pixell::model {

namespace {

constexpr std::string_view kExec = "exec:";

std::string_view file_of(std::string_view entry) { return entry.substr(0, entry.find(':')); }

bool names_node(std::string_view runtime) {
  constexpr std::string_view kNode = "node";
  return runtime.size() >= kNode.size() &&
         std::ranges::equal(runtime.substr(0, kNode.size()), kNode, {},
                            [](char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; });
}

bool names_javascript(const Manifest& manifest) {
  return is_javascript_file(file_of(manifest.entrypoint)) ||
         is_javascript_file(file_of(manifest.http_server)) ||
         (manifest.rest && is_javascript_file(file_of(manifest.rest->entry))) ||
         (manifest.a2a && (is_javascript_file(file_of(manifest.a2a->entry)) ||
                           is_javascript_file(file_of(manifest.a2a->http_server))));
}

}  // namespace

std::string_view to_string(Language language) {
  switch (language) {
    case Language::Python:
      return "python";
    case Language::Node:
      return "node";
    case Language::Executable:
      return "executable";
  }
  std::unreachable();
}

bool is_javascript_file(std::string_view name) {
  return name.ends_with(".js") || name.ends_with(".mjs") || name.ends_with(".cjs");
}

Language language_of(const Manifest& manifest) {
  if (manifest.entrypoint.starts_with(kExec)) return Language::Executable;
  if (names_node(manifest.runtime)) return Language::Node;
  if (manifest.runtime.empty() && names_javascript(manifest)) return Language::Node;
  return Language::Python;
}

bool needs_worker(const Manifest& manifest) {
  return manifest.rest || !manifest.entrypoint.empty() || !own_server_of(manifest).empty() ||
         (manifest.a2a && !manifest.a2a->entry.empty());
}

std::string own_server_of(const Manifest& manifest) {
  const Language language = language_of(manifest);
  if (language == Language::Executable) return manifest.entrypoint;
  if (!manifest.http_server.empty()) return manifest.http_server;
  if (manifest.a2a && !manifest.a2a->http_server.empty()) return manifest.a2a->http_server;
  // With a colon it is a function that is called, not a server that runs.
  const bool is_script = language == Language::Node && is_javascript_file(manifest.entrypoint) &&
                         !manifest.entrypoint.contains(':');
  return is_script ? manifest.entrypoint : std::string();
}

Result<std::vector<std::string>> exec_command(std::string_view entrypoint) {
  if (entrypoint.starts_with(kExec)) entrypoint.remove_prefix(kExec.size());
  std::vector<std::string> words;
  std::string word;
  bool is_inside = false;  // a word has begun, perhaps an empty one in quotes
  char quote = 0;
  for (const char c : entrypoint) {
    const bool is_blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (quote != 0 && c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
      is_inside = true;
    } else if (quote == 0 && is_blank) {
      if (is_inside) words.push_back(std::exchange(word, {}));
      is_inside = false;
    } else {
      word += c;
      is_inside = true;
    }
  }
  if (quote != 0)
    return make_error(ErrorCode::InvalidArgument,
                      fmt::format("a quote {} in the entrypoint has no end", quote));
  if (is_inside) words.push_back(std::move(word));
  if (words.empty() || words.front().empty())
    return make_error(ErrorCode::InvalidArgument, "exec: names no program");
  return words;
}

}  // namespace pixell::model
