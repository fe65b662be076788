#include "aws/transport.hpp"

#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>

#include "base/random_pool.hpp"
#include "net/client/http_fetch.hpp"

namespace pixell::aws {

namespace {

void wait(Millis pause, const std::stop_token& stop) {
  std::mutex mutex;  // guards nothing: the condition is the stop
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait_for(lock, stop, pause, [] { return false; });
}

double random_part() {
  thread_local RandomPool pool;
  std::uint32_t number = 0;
  std::memcpy(&number, pool.take(sizeof number).data(), sizeof number);
  return number / 4294967296.0;
}

}  // namespace

Outside real_outside() {
  return {.clock = system_clock(),
          .fetch = [](const net::FetchRequest& request) { return net::fetch(request); },
          .sleep = wait,
          .random = random_part};
}

std::string value_of(const Environment& env, std::string_view name) {
  const auto found = env.find(std::string(name));
  return found == env.end() ? std::string() : found->second;
}

}  // namespace pixell::aws
