#include "par/telemetry/exporter.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.hpp"

namespace pixell::telemetry {
namespace {

/// A collector that gives one scripted answer per connection and keeps what it was sent.
class FakeCollector {
 public:
  explicit FakeCollector(std::vector<std::string> answers) : answers_(std::move(answers)) {
    listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(listener_.get(), any, size), 0);
    EXPECT_EQ(::listen(listener_.get(), 8), 0);
    EXPECT_EQ(::getsockname(listener_.get(), any, &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~FakeCollector() { finish(); }

  Collector address() const {
    return {.url = "http://127.0.0.1:" + std::to_string(port_) + "/v1/traces",
            .headers = {{"authorization", "Bearer x"}}};
  }
  /// Waits for the last answer; what was received, head and body.
  const std::vector<std::string>& finish() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    return requests_;
  }

 private:
  void serve() {
    for (const std::string& answer : answers_) {
      const UniqueFd client(::accept(listener_.get(), nullptr, nullptr));
      if (!client) return;
      std::string text;
      char chunk[4096];
      while (!is_whole(text)) {
        const ssize_t got = ::read(client.get(), chunk, sizeof chunk);
        if (got <= 0) break;
        text.append(chunk, static_cast<std::size_t>(got));
      }
      requests_.push_back(text);
      (void)!::write(client.get(), answer.data(), answer.size());
    }
  }
  static bool is_whole(const std::string& text) {
    const auto head = text.find("\r\n\r\n");
    const auto length = text.find("Content-Length: ");
    return head != std::string::npos && length != std::string::npos &&
           text.size() >= head + 4 + std::stoul(text.substr(length + 16));
  }

  std::vector<std::string> answers_;
  std::vector<std::string> requests_;
  UniqueFd listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

std::string answer(const std::string& status, const std::string& body = "{}") {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\n\r\n" + body;
}

Exporter exporter_to(const FakeCollector& collector, bool is_over = false) {
  Exporter exporter(collector.address(), R"({"attributes":[]})", [is_over] { return is_over; });
  exporter.add(R"({"name":"a"})");
  exporter.add(R"({"name":"b"})");
  return exporter;
}

TEST(Exporter, SendsOneRequestWithAllSpans) {
  FakeCollector collector({answer("200 OK")});

  const Outcome outcome = exporter_to(collector).send();

  EXPECT_EQ(outcome.sent, 2U);
  EXPECT_EQ(outcome.failed, 0U);
  const std::string request = collector.finish().at(0);
  EXPECT_TRUE(request.starts_with("POST /v1/traces HTTP/1.1\r\n"));
  EXPECT_NE(request.find("Content-Type: application/json\r\n"), std::string::npos);
  EXPECT_NE(request.find("authorization: Bearer x\r\n"), std::string::npos);
  const auto body = nlohmann::json::parse(request.substr(request.find("\r\n\r\n") + 4));
  EXPECT_EQ(body["resourceSpans"][0]["scopeSpans"][0]["spans"][1]["name"], "b");
}

TEST(Exporter, TriesAgainWhenTheCollectorIsBusy) {
  FakeCollector collector({answer("503 Busy"), answer("200 OK")});

  EXPECT_EQ(exporter_to(collector).send().sent, 2U);
}

TEST(Exporter, DoesNotTryAgainWhenItIsRefused) {
  FakeCollector collector({answer("400 Bad Request"), answer("200 OK")});

  const Outcome outcome = exporter_to(collector).send();

  EXPECT_EQ(outcome.failed, 2U);
  EXPECT_EQ(outcome.reason, "the collector answered 400");
  EXPECT_EQ(collector.finish().size(), 1U);
}

TEST(Exporter, StopsTryingWhenItsInputEnds) {
  FakeCollector collector({answer("503 Busy"), answer("200 OK")});

  EXPECT_EQ(exporter_to(collector, true).send().failed, 2U);
}

TEST(Exporter, CountsWhatTheCollectorRejected) {
  FakeCollector collector(
      {answer("200 OK", R"({"partialSuccess":{"rejectedSpans":"1","errorMessage":"no"}})")});

  const Outcome outcome = exporter_to(collector).send();

  EXPECT_EQ(outcome.sent, 1U);
  EXPECT_EQ(outcome.failed, 1U);
}

TEST(Exporter, NamesNoSecretWhenNobodyListens) {
  Exporter exporter({.url = "http://127.0.0.1:1/x?key=canary", .headers = {{"a", "canary"}}}, "{}",
                    [] { return true; });
  exporter.add("{}");

  const Outcome outcome = exporter.flush();

  EXPECT_EQ(outcome.failed, 1U);
  EXPECT_EQ(outcome.reason.find("canary"), std::string::npos) << outcome.reason;
}

TEST(Exporter, IsFullAfterABatch) {
  Exporter exporter({}, "{}", [] { return true; });
  for (std::size_t i = 0; i + 1 < kBatchSpans; ++i) exporter.add("{}");
  EXPECT_FALSE(exporter.is_full());

  exporter.add("{}");

  EXPECT_TRUE(exporter.is_full());
}

TEST(Collector, IsReadFromTheEnvironment) {
  const auto general = collector_of({{"OTEL_EXPORTER_OTLP_ENDPOINT", "https://c/base/"},
                                     {"OTEL_EXPORTER_OTLP_HEADERS", "a=1, b=x%20y"},
                                     {"OTEL_EXPORTER_OTLP_TIMEOUT", "250"}});
  const auto traces = collector_of({{"OTEL_EXPORTER_OTLP_ENDPOINT", "https://c"},
                                    {"OTEL_EXPORTER_OTLP_HEADERS", "a=1"},
                                    {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://t/x"},
                                    {"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "b=2"}});

  ASSERT_TRUE(general);
  EXPECT_EQ(general->url, "https://c/base/v1/traces");
  EXPECT_EQ(general->headers,
            (std::vector<std::pair<std::string, std::string>>{{"a", "1"}, {"b", "x y"}}));
  EXPECT_EQ(general->timeout, Millis(250));
  EXPECT_EQ(traces->url, "https://t/x");
  EXPECT_EQ(traces->headers.at(0).first, "b");
  EXPECT_FALSE(collector_of({}));
}

}  // namespace
}  // namespace pixell::telemetry
