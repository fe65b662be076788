#include "par/surface/ui_path.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/percent.hpp"
#include "par/limits.hpp"

namespace pixell::par {

namespace {

bool is_servable_name(std::string_view name) {
  if (name.starts_with('.') && name != ".well-known") return false;
  return std::ranges::none_of(
      name, [](unsigned char c) { return c < 0x20 || c == 0x7f || c == '\\' || c == '/'; });
}

struct Type {
  std::string_view extension;
  std::string_view type;
};

constexpr std::array kTypes = {
    Type{"avif", "image/avif"},
    Type{"css", "text/css; charset=utf-8"},
    Type{"csv", "text/csv; charset=utf-8"},
    Type{"gif", "image/gif"},
    Type{"htm", "text/html; charset=utf-8"},
    Type{"html", "text/html; charset=utf-8"},
    Type{"ico", "image/x-icon"},
    Type{"jpeg", "image/jpeg"},
    Type{"jpg", "image/jpeg"},
    Type{"js", "text/javascript; charset=utf-8"},
    Type{"json", "application/json"},
    Type{"map", "application/json"},
    Type{"md", "text/markdown; charset=utf-8"},
    Type{"mjs", "text/javascript; charset=utf-8"},
    Type{"mp3", "audio/mpeg"},
    Type{"mp4", "video/mp4"},
    Type{"otf", "font/otf"},
    Type{"pdf", "application/pdf"},
    Type{"png", "image/png"},
    Type{"svg", "image/svg+xml"},
    Type{"ttf", "font/ttf"},
    Type{"txt", "text/plain; charset=utf-8"},
    Type{"wasm", "application/wasm"},
    Type{"wav", "audio/wav"},
    Type{"webm", "video/webm"},
    Type{"webmanifest", "application/manifest+json"},
    Type{"webp", "image/webp"},
    Type{"woff", "font/woff"},
    Type{"woff2", "font/woff2"},
    Type{"xml", "application/xml"},
    Type{"zip", "application/zip"},
};

}  // namespace

std::optional<std::vector<std::string>> ui_segments(std::string_view encoded) {
  if (encoded.size() > kMaxUiPathBytes) return std::nullopt;
  std::vector<std::string> segments;
  for (std::size_t at = 0; at <= encoded.size();) {
    const std::size_t end = std::min(encoded.find('/', at), encoded.size());
    const bool is_last = end == encoded.size();
    // Each segment is decoded by itself, so that %2F cannot make new ones.
    auto name = percent_decode(encoded.substr(at, end - at));
    if (!name || !is_servable_name(*name)) return std::nullopt;
    if (is_last && name->empty()) name = "index.html";
    if (!name->empty()) segments.push_back(std::move(*name));
    at = end + 1;
  }
  if (segments.size() > kMaxUiPathDepth) return std::nullopt;
  return segments;
}

std::string_view content_type_of(std::string_view name) {
  const auto dot = name.rfind('.');
  std::string extension(dot == std::string_view::npos ? std::string_view() : name.substr(dot + 1));
  std::ranges::transform(extension, extension.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto found = std::ranges::find(kTypes, std::string_view(extension), &Type::extension);
  return found == kTypes.end() ? "application/octet-stream" : found->type;
}

}  // namespace pixell::par
