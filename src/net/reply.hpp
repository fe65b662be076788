#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "net/stream.hpp"

namespace pixell::net {

/// The HTTP status of an error code: the only place where codes become statuses.
int http_status(ErrorCode code);

/// Sends a whole reply with Content-Type and Content-Length (no body bytes for HEAD).
void send_reply(ServerStream& stream, int status, std::string_view content_type,
                std::string_view body, const Headers& more = {});
void send_json(ServerStream& stream, int status, std::string_view json, const Headers& more = {});

/// The Content-Type of problem_body().
inline constexpr std::string_view kProblemType = "application/problem+json";
/// An RFC 9457 problem: {"type":"about:blank","title","status","detail","error"}; `error` repeats
/// the detail for the clients that read it.
std::string problem_body(int status, std::string_view detail);
/// Sends that.
void send_problem(ServerStream& stream, int status, std::string_view detail,
                  const Headers& more = {});

/// A handler for requests whose body nobody wants: reads and drops it.
std::unique_ptr<StreamHandler> ignore_body();

}  // namespace pixell::net
