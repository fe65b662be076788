#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "engine/local/node/instance_table.hpp"
#include "net/event_loop.hpp"
#include "net/stream.hpp"

namespace pixell::engine::node {

/// The node's HTTP+JSON API over an InstanceTable. Answers with {"error", "code", "retry"} when
/// something failed; `code` is the canonical name of the Error.
///
///     GET    /capabilities                       GET    /instances
///     PUT    /instances/{id}   (InstanceSpec)    GET    /instances/{id}
///     POST   /instances/{id}/stop {"grace_ms"}   GET    /instances/{id}/logs?bytes=N&from=P
///     DELETE /instances/{id}                     GET    /changes?after=N&timeout_ms=M
///
/// A part of a log comes as it is, its place in the headers kLogFromHeader and kLogNextHeader.
class NodeServer final : public net::Service {
 public:
  NodeServer(net::EventLoop& loop, InstanceTable& table) : loop_(loop), table_(table) {}

  std::unique_ptr<net::StreamHandler> on_request(net::ServerStream& stream) override;

  /// Answers the long polls that wait for a change. Called once per change, or several at once.
  void on_changed();

  /// A request that is being read or waits; lives as long as its stream.
  class Request;

 private:
  friend class Request;
  struct Reply {
    int status = 200;
    std::string content_type = "application/json";
    std::string body;
    net::Headers headers{};
  };
  Reply answer(const net::RequestHead& head, const std::string& body);
  Reply answer_instance(std::string_view method, const std::string& id, const std::string& body);
  Reply answer_logs(const std::string& id, std::string_view query);
  Reply ensure(const std::string& id, const std::string& body);
  Reply stop(const std::string& id, const std::string& body);
  void poll(Request& request, std::string_view query);

  net::EventLoop& loop_;
  InstanceTable& table_;
  // Those that wait, oldest first. Shared: a request may be freed by the loop after the server.
  std::shared_ptr<std::list<Request*>> polls_ = std::make_shared<std::list<Request*>>();
};

}  // namespace pixell::engine::node
