#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/testing/temp_directory.hpp"
#include "net/client.hpp"
#include "net/event_loop.hpp"
#include "par/children.hpp"
#include "par/config.hpp"
#include "par/runtime.hpp"

namespace pixell::par {

/// What a client got back.
struct Reply : net::ClientHandler {
  int status = 0;
  net::Headers headers;
  std::string body;
  net::Headers trailers;
  bool is_over = false;
  bool is_aborted = false;
  net::ClientStream* stream = nullptr;  ///< while the exchange runs

  nlohmann::json json() const { return nlohmann::json::parse(body); }
  /// grpc-status of trailers, or of an answer without body.
  std::string grpc_status() const;

  void on_head(net::ResponseHead& head) override;
  void on_data(std::string_view bytes) override { body += bytes; }
  void on_end(const net::Headers& fields) override;
  void on_abort(net::AbortReason reason) override;
};

/// A runtime in this process with a scripted par-prepare and a scripted worker, and a client, all
/// on one loop that runs while something is waited for.
class RuntimeTest : public testing::Test {
 protected:
  RuntimeTest();
  ~RuntimeTest() override;

  /// What the fake programs do: {"prepare","manifest","dotenv","worker"}.
  nlohmann::json script = nlohmann::json::object();
  /// Variables on top of AGENT_APP_ID, AGENT_PACKAGE_PATH, REST_LISTEN and INSTANCE_DIR.
  Environment more;

  /// Starts the runtime as the script and the variables say.
  void start();
  /// Runs the loop until the condition holds; fails the test after 20 s.
  void run_until(const std::function<bool()>& holds);
  void run_until_ready();
  /// Runs the loop until the runtime is over and returns its exit code.
  int run_to_end();

  using Fields = std::vector<std::pair<std::string, std::string>>;
  /// Starts an exchange; the reply lives as long as the test.
  Reply& send(const std::string& method, const std::string& target, const Fields& fields = {},
              const std::string& body = {});
  /// One HTTP/1.1 exchange from start to end.
  Reply& ask(const std::string& method, const std::string& target, const Fields& fields = {},
             const std::string& body = {});
  /// Starts one gRPC call.
  Reply& send_grpc(const std::string& path, const std::string& message, const Fields& fields = {});
  Reply& ask_grpc(const std::string& path, const std::string& message, const Fields& fields = {});

  void write(const std::string& path, std::string_view content);
  bool exists(const std::string& path) const;
  /// A JSON file of the instance directory.
  nlohmann::json report(const std::string& name) const;

  TempDirectory directory;
  std::filesystem::path package;
  std::filesystem::path instance;
  std::unique_ptr<net::EventLoop> loop;
  Children children;
  std::unique_ptr<Signals> signals;
  std::unique_ptr<net::HttpClient> client;
  std::unique_ptr<Runtime> runtime;
  std::vector<std::unique_ptr<Reply>> replies;
  int log_fd = -1;
  bool is_over = false;
};

}  // namespace pixell::par
