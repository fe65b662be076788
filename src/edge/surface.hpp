#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "net/message.hpp"

namespace pixell::edge {

/// Which face of an agent a request is for, as its form tells: the edge knows no manifest.
enum class Surface : unsigned char { Rest, A2a, Ui };
inline constexpr std::array kSurfaces = {Surface::Rest, Surface::A2a, Surface::Ui};
/// The word in metrics and log lines: rest, a2a, ui.
std::string_view to_string(Surface surface);

/// `path` is what stands behind /agents/{id}, without the query. gRPC calls, the paths of A2A over
/// HTTP (/a2a, /.well-known, and a POST to "/", /stream, /respond, /invoke) are A2a. GET and HEAD
/// of /, below /ui, and of names with an extension outside of /api are Ui. All else is Rest. Pure.
Surface surface_of(const net::RequestHead& head, bool is_grpc, std::string_view path);

}  // namespace pixell::edge
