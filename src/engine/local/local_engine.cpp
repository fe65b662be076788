#include "engine/local/local_engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "engine/local/log_headers.hpp"
#include "net/client/http_fetch.hpp"

namespace pixell::engine {

using nlohmann::json;

namespace {

// Longer than anything the node does between two requests.
constexpr Millis kCallTimeout{15'000};
// A poll is cut by the node itself; this much later only a hung node is given up.
constexpr Millis kPollMargin{5'000};
// The node cuts polls at a minute.
constexpr Millis kMaxPoll{60'000};

ErrorCode code_named(const std::string& name) {
  for (int code = 1; code <= 16; ++code)
    if (to_string(static_cast<ErrorCode>(code)) == name) return static_cast<ErrorCode>(code);
  return ErrorCode::Internal;
}

// What the node said went wrong.
Error error_of(const net::FetchReply& reply) {
  const json document = json::parse(reply.body, nullptr, false);
  if (!document.is_object() || !document.contains("error") || !document["error"].is_string())
    return Error{.code = ErrorCode::Unavailable,
                 .message = fmt::format("the node answered {}", reply.status),
                 .retry = Retry::Later};
  const auto code = document.find("code");
  const auto retry = document.find("retry");
  return Error{
      .code = code != document.end() && code->is_string() ? code_named(*code) : ErrorCode::Internal,
      .message = document["error"].get<std::string>(),
      .retry = retry != document.end() && retry->is_boolean() && retry->get<bool>() ? Retry::Later
                                                                                    : Retry::Never};
}

std::optional<std::int64_t> position_in(const net::FetchReply& reply, std::string_view header) {
  const auto text = reply.header(header);
  std::int64_t position = 0;
  if (!text) return {};
  const char* const end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, position);
  if (parsed.ec != std::errc() || parsed.ptr != end) return {};
  return position;
}

// Ids are checked by the node; here they must only not leave their path segment.
Result<void> check_id(std::string_view id) { return model::check_app_id(id); }

class LocalEngine final : public Engine {
 public:
  explicit LocalEngine(std::filesystem::path socket) : socket_(std::move(socket)) {}

  Capabilities capabilities() override {
    Capabilities capabilities;
    capabilities.name = "local";
    const auto document = call("GET", "/capabilities");
    if (!document) {
      capabilities.notes.push_back(document.error().message);
      return capabilities;
    }
    try {
      capabilities.own_users = document->value("own_users", false);
      capabilities.memory_limits = document->value("memory_limits", false);
      capabilities.cpu_limits = document->value("cpu_limits", false);
      capabilities.can_wake = document->value("can_wake", false);
      capabilities.notes = document->value("notes", std::vector<std::string>());
    } catch (const json::exception& failure) {
      capabilities.notes.push_back(
          fmt::format("the node's capabilities cannot be read: {}", failure.what()));
    }
    return capabilities;
  }

  Result<model::Instance> ensure(const InstanceSpec& spec) override {
    TRY_VOID(check_id(spec.id));
    TRY(const json document, call("PUT", "/instances/" + spec.id, to_json(spec)));
    return instance_from_json(document);
  }

  Result<void> stop(std::string_view instance_id, Millis grace) override {
    TRY_VOID(check_id(instance_id));
    const auto document = call("POST", fmt::format("/instances/{}/stop", instance_id),
                               json{{"grace_ms", grace.count()}});
    if (!document) return document.error();
    return {};
  }

  Result<void> remove(std::string_view instance_id) override {
    TRY_VOID(check_id(instance_id));
    const auto document = call("DELETE", fmt::format("/instances/{}", instance_id));
    if (!document) return document.error();
    return {};
  }

  Result<std::vector<model::Instance>> list() override {
    TRY(const json document, call("GET", "/instances"));
    std::vector<model::Instance> instances;
    const auto all = document.find("instances");
    if (all == document.end() || !all->is_array())
      return make_error(ErrorCode::DataLoss, "the node's list of instances cannot be read");
    for (const json& one : *all) {
      TRY(model::Instance instance, instance_from_json(one));
      instances.push_back(std::move(instance));
    }
    return instances;
  }

  Result<model::Instance> inspect(std::string_view instance_id) override {
    TRY_VOID(check_id(instance_id));
    TRY(const json document, call("GET", fmt::format("/instances/{}", instance_id)));
    return instance_from_json(document);
  }

  Result<model::InstanceUsage> usage(std::string_view instance_id) override {
    TRY_VOID(check_id(instance_id));
    TRY(const json document, call("GET", fmt::format("/instances/{}/usage", instance_id)));
    return model::instance_usage_from_json(document);
  }

  Result<LogPiece> read_log(std::string_view instance_id, const LogRange& range) override {
    TRY_VOID(check_id(instance_id));
    auto reply =
        net::fetch(make_request("GET", fmt::format("/instances/{}/logs?bytes={}&from={}",
                                                   instance_id, range.max_bytes, range.from)));
    if (!reply) return unavailable(reply.error());
    if (reply->status != 200) return error_of(*reply);
    const auto from = position_in(*reply, kLogFromHeader);
    const auto next = position_in(*reply, kLogNextHeader);
    if (!from || !next)
      return make_error(ErrorCode::DataLoss, "the node does not say which part of the log it gave");
    return LogPiece{.text = std::move(reply->body), .from = *from, .next = *next};
  }

  Result<std::int64_t> wait_for_change(std::int64_t after, Millis timeout,
                                       std::stop_token stop) override {
    const Millis poll = std::clamp(timeout, Millis(0), kMaxPoll);
    net::FetchRequest asked =
        make_request("GET", fmt::format("/changes?after={}&timeout_ms={}", after, poll.count()));
    asked.timeout = poll + kPollMargin;
    asked.stop = std::move(stop);
    const auto reply = net::fetch(asked);
    // Being asked to stop ends the wait like its deadline does: nothing is known to have changed.
    if (!reply && reply.error().code == ErrorCode::Cancelled) return after;
    if (!reply) return unavailable(reply.error());
    TRY(const json document, parse(*reply));
    const auto position = document.find("position");
    if (position == document.end() || !position->is_number_integer())
      return make_error(ErrorCode::DataLoss, "the node's position cannot be read");
    return position->get<std::int64_t>();
  }

 private:
  net::FetchRequest make_request(std::string method, const std::string& target) const {
    net::FetchRequest request;
    request.method = std::move(method);
    request.url = "http://node" + target;
    request.unix_socket = socket_.string();
    request.timeout = kCallTimeout;
    return request;
  }

  static Error unavailable(Error error) {
    error.message = "the node cannot be reached: " + error.message;
    error.retry = Retry::Later;
    return error;
  }

  static Result<json> parse(const net::FetchReply& reply) {
    if (reply.status != 200) return error_of(reply);
    json document = json::parse(reply.body, nullptr, false);
    if (!document.is_object())
      return make_error(ErrorCode::DataLoss, "the node's answer is not JSON");
    return document;
  }

  Result<json> call(std::string method, const std::string& target,
                    const std::optional<json>& body = {}) const {
    net::FetchRequest asked = make_request(std::move(method), target);
    if (body) {
      asked.body = body->dump(-1, ' ', false, json::error_handler_t::replace);
      asked.headers.emplace_back("content-type", "application/json");
    }
    const auto reply = net::fetch(asked);
    if (!reply) return unavailable(reply.error());
    return parse(*reply);
  }

  std::filesystem::path socket_;
};

}  // namespace

Result<std::unique_ptr<Engine>> make_local_engine(std::filesystem::path node_socket) {
  if (!node_socket.is_absolute())
    return make_error(ErrorCode::InvalidArgument, "the node's socket needs an absolute path");
  return std::unique_ptr<Engine>(std::make_unique<LocalEngine>(std::move(node_socket)));
}

}  // namespace pixell::engine
