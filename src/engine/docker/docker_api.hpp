#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace pixell::engine::docker {

/// What `GET /version` says, as far as it matters here.
struct DaemonVersion {
  std::string server;        ///< "20.10.24"
  std::string architecture;  ///< as images name theirs: "amd64", "arm64"
  int api_minor = 0;         ///< the version to speak: 1.<api_minor>
};

/// Chooses the API version of a `GET /version` answer. FailedPrecondition names both sides when
/// there is none that both speak. Pure.
Result<DaemonVersion> choose_version(const nlohmann::json& answer);

/// The error that a refusal of the daemon (`{"message": …}` with a status of 400 and more) means.
/// Statuses: https://docs.docker.com/reference/api/engine/ . Pure.
Error refusal(int status, std::string_view body);

/// A blocking client of the Docker Engine API on the daemon's Unix socket. Safe from any thread;
/// each call has a connection and a deadline of its own. When the daemon cannot be reached, calls
/// fail with Unavailable (retry later) and say what to do.
class DockerApi {
 public:
  explicit DockerApi(std::filesystem::path socket) : socket_(std::move(socket)) {}

  /// Asks once and remembers the answer until the daemon was away.
  Result<DaemonVersion> version();

  /// `path` begins with '/', without the version. An empty answer is null.
  Result<nlohmann::json> get(const std::string& path);
  /// "Nothing to do" (304) is success.
  Result<nlohmann::json> post(const std::string& path, const nlohmann::json& body);
  Result<void> remove(const std::string& path);

  struct Stream {
    std::function<Result<void>(std::string_view)> sink;  ///< gets the bytes as they come
    Millis timeout{0};
    std::size_t max_bytes = 0;
    std::stop_token stop{};
  };
  /// Reads an answer without end, or a long one.
  Result<void> stream(const std::string& path, const Stream& stream);

  /// Sends bytes that are not JSON (a tar archive).
  Result<void> send(const std::string& path, std::string body, const std::string& content_type);

  const std::filesystem::path& socket() const { return socket_; }

 private:
  struct Call;
  Result<std::string> perform(const Call& call);
  Result<std::string> versioned(Call call);
  Error unreachable(Error error);

  std::filesystem::path socket_;
  std::mutex mutex_;  // guards version_
  DaemonVersion version_;
};

/// The text that an object has under a name; empty when it has none, or is no object.
std::string text_in(const nlohmann::json& object, const char* name);
/// The same of its labels.
std::string label_in(const nlohmann::json& object, const char* label);

/// `?filters=` with one label that must be there, percent-encoded.
std::string label_filter(std::string_view label);

}  // namespace pixell::engine::docker
