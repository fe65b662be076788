#include "engine/ecs/usage_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

#include "engine/ecs/limits.hpp"
#include "net/client/http_fetch.hpp"

namespace pixell::engine::ecs {
namespace {

using testing::HasSubstr;

constexpr const char* kPage = R"(# TYPE pixell_process_cpu_seconds_total counter
pixell_process_cpu_seconds_total{process="par"} 1.25
pixell_process_cpu_seconds_total{process="worker"} 2.5
# TYPE pixell_process_resident_memory_bytes gauge
pixell_process_resident_memory_bytes{process="par"} 4096
pixell_process_resident_memory_bytes{process="worker"} 8192
pixell_process_threads{process="par"} 3
pixell_process_threads{process="worker"} 4
pixell_process_threads_of_others{process="x"} 100
)";

TEST(UsageOfPage, AddsUpTheProcesses) {
  const auto usage = usage_of_page(kPage);

  ASSERT_TRUE(usage) << usage.error().message;
  EXPECT_EQ(*usage,
            (model::InstanceUsage{.cpu_seconds = 3.75, .memory_bytes = 12'288, .threads = 7}));
}

TEST(UsageOfPage, RefusesWhatParDoesNotWrite) {
  const std::string page = kPage;
  const auto with = [&](const std::string& is, const std::string& other) {
    std::string changed = page;
    changed.replace(changed.find(is), is.size(), other);
    return usage_of_page(changed);
  };
  EXPECT_EQ(usage_of_page("").error().code, ErrorCode::DataLoss);
  EXPECT_EQ(usage_of_page("<html>").error().code, ErrorCode::DataLoss);
  for (const char* value : {"1.2x", "", "-1", "nan", "inf"})
    EXPECT_EQ(with("1.25", value).error().code, ErrorCode::DataLoss) << value;
  EXPECT_EQ(with("4096", "1e300")->memory_bytes, std::numeric_limits<std::int64_t>::max());
}

TEST(UsageReader, AsksParAtTheAddressOfItsRestSurface) {
  net::FetchRequest asked;
  UsageReader reader([&](const net::FetchRequest& request) -> Result<net::FetchReply> {
    asked = request;
    return net::FetchReply{.status = 200, .headers = {}, .body = kPage};
  });

  ASSERT_TRUE(reader.read("10.0.0.7:8080"));

  EXPECT_EQ(asked.url, "http://10.0.0.7:8080/metrics");
  EXPECT_EQ(asked.timeout, kUsageTimeout);
  EXPECT_EQ(asked.max_body_bytes, kMaxUsagePageBytes);
}

TEST(UsageReader, WhoDoesNotAnswerIsToldWithTheRemedy) {
  int status = 0;
  UsageReader reader([&](const net::FetchRequest&) -> Result<net::FetchReply> {
    if (status == 0) return make_error(ErrorCode::DeadlineExceeded, "took too long");
    return net::FetchReply{.status = status, .headers = {}, .body = "nothing here"};
  });

  const auto silent = reader.read("10.0.0.7:8080");
  EXPECT_EQ(silent.error().code, ErrorCode::Unavailable);
  EXPECT_EQ(silent.error().retry, Retry::Later);
  EXPECT_THAT(silent.error().message, HasSubstr("took too long; let control reach"));
  status = 404;
  EXPECT_THAT(reader.read("10.0.0.7:8080").error().message, HasSubstr("answers 404"));
  status = 200;
  EXPECT_EQ(reader.read("10.0.0.7:8080").error().code, ErrorCode::DataLoss);
}

TEST(UsageReader, AsksSoManyAtOnceAndNoMore) {
  std::atomic<int> now{0};
  std::atomic<int> most{0};
  std::atomic<int> arrived{0};
  std::latch full(kUsageReads);
  UsageReader reader([&](const net::FetchRequest&) -> Result<net::FetchReply> {
    const int running = ++now;
    int seen = most.load();
    while (running > seen && !most.compare_exchange_weak(seen, running)) {
    }
    // The first ones wait for each other, so that all of them are there at once.
    if (std::size_t(arrived++) < kUsageReads) full.arrive_and_wait();
    --now;
    return net::FetchReply{.status = 200, .headers = {}, .body = kPage};
  });

  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 3 * kUsageReads; ++i)
    threads.emplace_back([&] { EXPECT_TRUE(reader.read("10.0.0.7:8080")); });
  for (std::thread& each : threads) each.join();

  EXPECT_EQ(most.load(), int(kUsageReads));
}

}  // namespace
}  // namespace pixell::engine::ecs
