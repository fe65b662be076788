#pragma once

#include <expected>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"

namespace pixell::net {
struct FetchReply;
struct FetchRequest;
}  // namespace pixell::net

namespace pixell::cmd {

/// How the user's commands end; CLI11 uses 100 and more for wrong usage.
enum class ExitCode {
  Done = 0,
  Failed = 1,
  DeploymentFailed = 2,
  WouldChange = 2,  ///< of `plan --detailed-exitcode`
  LeftOver = 2,     ///< of `aws orphans`
  NotFound = 3,
  NotReachable = 4,
  Conflict = 5,
  WrongUsage = 105,   ///< as CLI11 ends for a value that does not fit
  Interrupted = 130,  ///< Ctrl-C while waiting
};

/// Why a command did not do what it was asked: lines for the user.
struct CommandFailure {
  ExitCode code = ExitCode::Failed;
  std::vector<std::string> lines;
};
template <class T>
using Outcome = std::expected<T, CommandFailure>;

/// One line as an outcome that failed.
std::unexpected<CommandFailure> failure(ExitCode code, std::string line);

/// A Result as an outcome; an error is Failed with its message.
template <class T>
Outcome<T> told(Result<T> result) {
  if (!result) return failure(ExitCode::Failed, result.error().message);
  return std::move(*result);
}

/// A change of a resource: PUT, POST, PATCH or DELETE.
struct ApiChange {
  std::string method;
  std::string path;
  const nlohmann::json* body = nullptr;  ///< sent as JSON; null = no body
  std::string if_match{};                ///< an ETag; empty = whatever it is now
  bool only_creates = false;             ///< refused when it is there already
};

/// A file sent as multipart/form-data, whole in memory while it is sent.
struct Upload {
  std::string path;     ///< of the API
  std::string file;     ///< content of the part `file`
  std::string version;  ///< empty = that of the package
  bool replaces = false;
};

/// Speaks to a running Pixell. Each call has a deadline. NotReachable while nobody listens or the
/// control plane is away (502, 503, 504), NotFound for a 404, Conflict for 409 and 412, Failed for
/// the rest, with all that the API said. Answers that are not JSON are Failed.
class ApiClient {
 public:
  /// `url` is where Pixell listens; what follows the authority is put before every path. The key is
  /// sent as a bearer token when it is not empty. `stop` ends calls, which are Interrupted then.
  explicit ApiClient(std::string url, Secret<std::string> key = {}, std::stop_token stop = {});

  Outcome<nlohmann::json> get(std::string_view path) const;
  /// The answer of a change; null when it has none (204).
  Outcome<nlohmann::json> send(const ApiChange& change) const;
  Outcome<nlohmann::json> upload(Upload upload) const;
  /// The items under `member` of all pages (or of as many as hold `most`), as one array.
  Outcome<nlohmann::json> list(std::string path, const char* member, std::size_t most) const;
  /// GET /v1/watch: the events after `after` (of one app, when given), waiting up to `patience`.
  Outcome<nlohmann::json> watch(std::int64_t after, const std::string& app, Millis patience) const;
  /// Each line of a success as it comes, without its end, until the answer ends. `on_line` returns
  /// false to end it, which is a success.
  Outcome<void> stream(std::string_view path,
                       const std::function<bool(std::string_view line)>& on_line) const;

  const std::string& url() const { return url_; }
  /// The same with a token that ends its calls.
  ApiClient stopped_by(std::stop_token stop) const;

 private:
  Outcome<net::FetchReply> call(net::FetchRequest request, std::string_view path) const;
  Outcome<nlohmann::json> read_json(const net::FetchReply& reply) const;

  std::string url_;
  Secret<std::string> key_;
  std::stop_token stop_;
};

}  // namespace pixell::cmd
