#pragma once

#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "aws/credentials.hpp"
#include "aws/transport.hpp"
#include "base/testing/fake_clock.hpp"
#include "net/client/http_fetch.hpp"

namespace pixell::aws {

/// The world as a test tells it: a clock that only pauses move, answers in a row, one random
/// number.
struct FakeOutside {
  using Responder = std::function<Result<net::FetchReply>(const net::FetchRequest&)>;

  FakeClock clock;
  double random = 0.5;
  std::deque<Responder> answers;           ///< used up one by one; none left = Unavailable
  std::vector<net::FetchRequest> asked{};  ///< without what they refer to
  std::vector<Millis> pauses{};

  Outside outside() {
    return {.clock = clock,
            .fetch = [this](const net::FetchRequest& request) -> Result<net::FetchReply> {
              asked.push_back(request);
              if (!request.large_body.empty()) asked.back().body = request.large_body;
              asked.back().large_body = {};
              if (answers.empty())
                return Error{.code = ErrorCode::Unavailable, .message = "nobody answers"};
              const Responder answer = std::move(answers.front());
              answers.pop_front();
              return answer(request);
            },
            .sleep =
                [this](Millis pause, const std::stop_token&) {
                  pauses.push_back(pause);
                  clock.advance(pause);
                },
            .random = [this] { return random; }};
  }

  /// The next answer. As net::fetch does, a success goes to the sink when there is one.
  void answer(int status, std::string body,
              std::vector<std::pair<std::string, std::string>> headers = {}) {
    answers.push_back([=](const net::FetchRequest& request) -> Result<net::FetchReply> {
      net::FetchReply reply{.status = status, .headers = headers, .body = body};
      if (request.sink && status < 300) {
        reply.body.clear();
        if (request.on_head) TRY_VOID(request.on_head(reply));
        TRY_VOID(request.sink(body));
      }
      return reply;
    });
  }

  /// The next answer is none: the connection breaks after these bytes of a success.
  void break_off(std::string delivered = {}, net::FetchReply head = {.status = 200}) {
    answers.push_back([=](const net::FetchRequest& request) -> Result<net::FetchReply> {
      if (request.on_head && !delivered.empty()) TRY_VOID(request.on_head(head));
      if (request.sink && !delivered.empty()) TRY_VOID(request.sink(delivered));
      return Error{.code = ErrorCode::Unavailable, .message = "reset", .retry = Retry::Later};
    });
  }

  /// A header of a request that was asked.
  std::string header(std::size_t request, std::string_view name) const {
    for (const auto& [key, value] : asked.at(request).headers)
      if (key == name) return value;
    return {};
  }
};

/// Credentials that stay, and what was rejected.
class FakeCredentials final : public CredentialSource {
 public:
  Result<Credentials> get(const std::stop_token&) override {
    return Credentials{.access_key = "AKID" + std::to_string(rejected),
                       .secret_key = Secret<std::string>("secret"),
                       .session_token = {}};
  }
  void reject(const Credentials&) override { ++rejected; }
  int rejected = 0;
};

}  // namespace pixell::aws
