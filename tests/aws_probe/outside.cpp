#include <algorithm>
#include <cstdlib>

#include "base/process.hpp"
#include "net/client/http_fetch.hpp"
#include "operations.hpp"

namespace pixell::probe {

namespace {

constexpr int kPauseDivisor = 100;

}  // namespace

aws::Outside probe_outside() {
  aws::Outside outside = aws::real_outside();
  const std::string given = aws::value_of(own_environment(), "PROBE_STALL_MS");
  if (given.empty()) return outside;
  const Millis stall(std::max(1, std::atoi(given.c_str())));
  outside.fetch = [stall, fetch = outside.fetch](net::FetchRequest request) {
    request.timeout = std::min(request.timeout, stall);
    return fetch(request);
  };
  outside.sleep = [sleep = outside.sleep](Millis pause, const std::stop_token& stop) {
    sleep(pause / kPauseDivisor, stop);
  };
  return outside;
}

}  // namespace pixell::probe
