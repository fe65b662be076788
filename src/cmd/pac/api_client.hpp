#pragma once

#include <expected>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace pixell::net {
struct FetchReply;
struct FetchRequest;
}  // namespace pixell::net

namespace pixell::cmd {

/// How the user's commands end; CLI11 uses 100 and more for wrong usage.
enum class ExitCode { Done = 0, Failed = 1, DeploymentFailed = 2, NotFound = 3, NotReachable = 4 };

/// Why a command did not do what it was asked: lines for the user.
struct CommandFailure {
  ExitCode code = ExitCode::Failed;
  std::vector<std::string> lines;
};
template <class T>
using Outcome = std::expected<T, CommandFailure>;

/// Speaks to a running Pixell. Each call has the deadline of net::FetchRequest. NotReachable while
/// nobody listens or the control plane is away (502, 503, 504), NotFound for a 404, Failed for the
/// rest, with what the API said.
class ApiClient {
 public:
  /// `url` is where Pixell listens; what follows the authority is put before every path.
  explicit ApiClient(std::string url);

  /// JSON of a success. Failed when the answer is not JSON.
  Outcome<nlohmann::json> get(std::string_view path) const;
  Outcome<nlohmann::json> post(std::string_view path, const nlohmann::json& body) const;
  /// The body of a success as it came.
  Outcome<std::string> get_text(std::string_view path) const;

 private:
  Outcome<net::FetchReply> call(net::FetchRequest request, std::string_view path) const;
  Outcome<nlohmann::json> read_json(const net::FetchReply& reply) const;

  std::string url_;
};

/// %XX for everything but letters, digits and -._~ (RFC 3986 section 2.3) and what `kept` names.
std::string percent_encode(std::string_view text, std::string_view kept = {});

}  // namespace pixell::cmd
