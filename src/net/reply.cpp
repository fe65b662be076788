#include "net/reply.hpp"

#include <string>

#include "base/log.hpp"

namespace pixell::net {

namespace {

class BodySink final : public StreamHandler {
 public:
  void on_data(std::string_view) override {}
  void on_end(const Headers&) override {}
  void on_abort(AbortReason) override {}
};

}  // namespace

int http_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::Cancelled:
      return 499;
    case ErrorCode::Unknown:
      return 500;
    case ErrorCode::InvalidArgument:
      return 400;
    case ErrorCode::DeadlineExceeded:
      return 504;
    case ErrorCode::NotFound:
      return 404;
    case ErrorCode::AlreadyExists:
      return 409;
    case ErrorCode::PermissionDenied:
      return 403;
    case ErrorCode::ResourceExhausted:
      return 429;
    case ErrorCode::FailedPrecondition:
      return 400;
    case ErrorCode::Aborted:
      return 409;
    case ErrorCode::OutOfRange:
      return 400;
    case ErrorCode::Unimplemented:
      return 501;
    case ErrorCode::Internal:
      return 500;
    case ErrorCode::Unavailable:
      return 503;
    case ErrorCode::DataLoss:
      return 500;
    case ErrorCode::Unauthenticated:
      return 401;
  }
  return 500;
}

void send_reply(ServerStream& stream, int status, std::string_view content_type,
                std::string_view body, const Headers& more) {
  ResponseHead head{.status = status, .headers = more};
  if (!content_type.empty()) head.headers.set("content-type", content_type);
  head.headers.set("content-length", std::to_string(body.size()));
  const bool ends = body.empty() || stream.request().method == "HEAD";
  stream.send_head(head, ends);
  if (ends) return;
  stream.send_data(body);
  stream.finish();
}

void send_json(ServerStream& stream, int status, std::string_view json, const Headers& more) {
  send_reply(stream, status, "application/json", json, more);
}

std::string problem_body(int status, std::string_view detail) {
  std::string body = R"({"type":"about:blank","title":)";
  append_json_string(body, reason_phrase(status));
  body += ",\"status\":" + std::to_string(status) + ",\"detail\":";
  append_json_string(body, detail);
  body += ",\"error\":";
  append_json_string(body, detail);
  body += '}';
  return body;
}

void send_problem(ServerStream& stream, int status, std::string_view detail, const Headers& more) {
  send_reply(stream, status, kProblemType, problem_body(status, detail), more);
}

std::unique_ptr<StreamHandler> ignore_body() { return std::make_unique<BodySink>(); }

}  // namespace pixell::net
