#include "edge/surface.hpp"

#include <algorithm>

namespace pixell::edge {

namespace {

bool is_under(std::string_view path, std::string_view prefix) {
  return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
}

bool has_extension(std::string_view path) {
  return path.substr(path.rfind('/') + 1).find('.') != std::string_view::npos;
}

// REST applications have their description at a name with an extension.
bool is_rest_path(std::string_view path) {
  return is_under(path, "/api") || path == "/openapi.json";
}

}  // namespace

std::string_view to_string(Surface surface) {
  constexpr std::array<std::string_view, kSurfaces.size()> kNames = {"rest", "a2a", "ui"};
  return kNames[static_cast<std::size_t>(surface)];
}

Surface surface_of(const net::RequestHead& head, bool is_grpc, std::string_view path) {
  if (is_grpc || is_under(path, "/a2a") || is_under(path, "/.well-known")) return Surface::A2a;
  if (head.method == "POST") {
    constexpr std::array<std::string_view, 5> kCalls = {"", "/", "/stream", "/respond", "/invoke"};
    return std::ranges::find(kCalls, path) != kCalls.end() ? Surface::A2a : Surface::Rest;
  }
  if (is_rest_path(path) || (head.method != "GET" && head.method != "HEAD")) return Surface::Rest;
  return path.size() <= 1 || is_under(path, "/ui") || has_extension(path) ? Surface::Ui
                                                                          : Surface::Rest;
}

}  // namespace pixell::edge
