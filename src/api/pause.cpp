#include "api/pause.hpp"

#include <fmt/format.h>

#include <condition_variable>
#include <mutex>

#include "api/limits.hpp"

namespace pixell::api {

void pause(const ApiContext& context, Millis time) {
  std::mutex mutex;  // guards nothing: only the stop wakes this wait
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait_for(lock, context.stop, time, [] { return false; });
}

Reply too_many_waiting() {
  Reply reply = problem(503, fmt::format("{} requests watch, follow or wait already, which is the "
                                         "limit (kMaxWaiting): end some, or try again",
                                         kMaxWaiting));
  reply.headers.add("retry-after", "5");
  return reply;
}

}  // namespace pixell::api
