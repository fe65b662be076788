#include "cmd/par/healthcheck.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "net/sockets.hpp"

namespace pixell::cmd {
namespace {

std::string target_text(const std::vector<std::string>& arguments, const par::Environment& env) {
  const auto target = health_target(arguments, env);
  return target ? target->address + " " + target->path : "refused: " + target.error().message;
}

TEST(HealthTarget, IsWhatParListensOn) {
  EXPECT_EQ(target_text({}, {}), "127.0.0.1:8080 /health");
  EXPECT_EQ(target_text({}, {{"REST_PORT", "9000"}, {"LISTEN_ADDR", "0.0.0.0"}}),
            "127.0.0.1:9000 /health");
  EXPECT_EQ(target_text({}, {{"LISTEN_ADDR", "10.0.0.2"}}), "10.0.0.2:8080 /health");
  EXPECT_EQ(target_text({}, {{"LISTEN_ADDR", "::"}}), "[::1]:8080 /health");
  EXPECT_EQ(target_text({}, {{"REST_LISTEN", "unix:/run/par.sock"}}), "unix:/run/par.sock /health");
  EXPECT_EQ(target_text({}, {{"REST_LISTEN", "0.0.0.0:81"}}), "127.0.0.1:81 /health");
}

TEST(HealthTarget, IsWhatTheArgumentsSay) {
  EXPECT_EQ(target_text({"--port", "81"}, {{"REST_PORT", "9000"}}), "127.0.0.1:81 /health");
  EXPECT_EQ(target_text({"--port=81"}, {}), "127.0.0.1:81 /health");
  EXPECT_EQ(target_text({"--url", "http://localhost:81/agents/x/health"}, {}),
            "127.0.0.1:81 /agents/x/health");
  EXPECT_EQ(target_text({"--url=http://[::1]"}, {}), "[::1]:80 /health");
}

TEST(HealthTarget, RefusesWhatItCannotAsk) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"--port", "0"},
                                                    {"--port", "x"},
                                                    {"--port"},
                                                    {"--url", "https://x"},
                                                    {"--url", "http://example.com/"},
                                                    {"--url", "http://127.0.0.1:99999/"}})
    EXPECT_TRUE(target_text(arguments, {}).starts_with("refused")) << arguments.front();
}

// Answers one connection with `reply`, or never when that is empty.
class OneAnswer {
 public:
  explicit OneAnswer(std::string reply) : listener_(*net::listen_tcp("127.0.0.1", 0)) {
    port_ = *net::bound_port(listener_.get());
    if (!reply.empty())
      thread_ = std::thread([this, reply = std::move(reply)] { answer_once(reply); });
  }
  ~OneAnswer() {
    if (thread_.joinable()) thread_.join();
  }
  HealthTarget target() const { return {"127.0.0.1:" + std::to_string(port_), "/health"}; }

 private:
  void answer_once(const std::string& reply) const {
    pollfd waiting{.fd = listener_.get(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(::poll(&waiting, 1, 10'000), 1) << "nobody asked";
    const UniqueFd peer(::accept(listener_.get(), nullptr, nullptr));
    char head[4096];
    if (::read(peer.get(), head, sizeof head) <= 0) return;  // the one that asked reports that
    EXPECT_EQ(::write(peer.get(), reply.data(), reply.size()), static_cast<ssize_t>(reply.size()));
  }

  UniqueFd listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

TEST(AskHealth, SucceedsFor200Only) {
  const OneAnswer good("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
  EXPECT_TRUE(ask_health(good.target()));

  const OneAnswer bad("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 7\r\n\r\nbooting");
  const auto answer = ask_health(bad.target());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message, "status 503: booting");
}

TEST(AskHealth, FailsWhenNobodyListensOrAnswers) {
  EXPECT_EQ(ask_health({"unix:/nowhere/par.sock", "/health"}).error().code, ErrorCode::Unavailable);
  const OneAnswer silent("");
  EXPECT_EQ(ask_health(silent.target()).error().code, ErrorCode::DeadlineExceeded);
}

}  // namespace
}  // namespace pixell::cmd
