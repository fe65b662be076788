#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>

#include "aws/services.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"

namespace pixell::engine::ecs {

/// How clients reach a listener.
struct ListenerAddress {
  std::string dns_name;  ///< of its load balancer
  std::string origin;    ///< "https://<dns_name>", with the port where it is not the scheme's
};

/// The addresses of listeners, asked of AWS once: a load balancer keeps its name for life. For
/// people only, so that a failure is logged and tried again later. learn() from one thread, find()
/// from any.
class ListenerAddresses {
 public:
  /// `aws` and `clock` outlive this.
  ListenerAddresses(aws::Services& aws, const Clock& clock, Log log)
      : aws_(aws), clock_(clock), log_(std::move(log)) {}

  /// Asks for those that are not known yet: two calls for each.
  void learn(const std::set<std::string>& listeners, const std::stop_token& stop);

  /// Nothing until it is known. Asks nobody.
  std::optional<ListenerAddress> find(const std::string& listener) const;

 private:
  Result<ListenerAddress> ask(const std::string& listener, const std::stop_token& stop);

  aws::Services& aws_;
  const Clock& clock_;
  const Log log_;
  std::map<std::string, Instant> ask_at_{};  // those that failed; of learn()'s thread alone

  mutable std::mutex mutex_;  // guards what follows
  std::map<std::string, ListenerAddress> known_{};
};

}  // namespace pixell::engine::ecs
