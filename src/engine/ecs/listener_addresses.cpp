#include "engine/ecs/listener_addresses.hpp"

#include <fmt/format.h>

#include "engine/ecs/limits.hpp"
#include "engine/ecs/rules.hpp"

namespace pixell::engine::ecs {

using nlohmann::json;

namespace {

std::string origin_of(const json& listener, const std::string& dns_name) {
  const bool has_tls = text_at(listener, "Protocol") == "HTTPS";
  const std::string port = text_at(listener, "Port");
  const bool is_usual = port == (has_tls ? "443" : "80");
  return fmt::format("{}://{}{}", has_tls ? "https" : "http", dns_name,
                     is_usual ? std::string() : ":" + port);
}

}  // namespace

void ListenerAddresses::learn(const std::set<std::string>& listeners, const std::stop_token& stop) {
  for (const std::string& listener : listeners) {
    if (find(listener)) continue;
    const auto due = ask_at_.find(listener);
    if (due != ask_at_.end() && due->second > clock_.now()) continue;
    auto asked = ask(listener, stop);
    if (stop.stop_requested()) return;
    if (!asked) {
      ask_at_[listener] = clock_.now() + kAddressRetry;
      log_.warning("The address of a load balancer is not known yet",
                   {{"listener", listener},
                    {"error", asked.error().message},
                    {"again_in_ms", kAddressRetry.count()}});
      continue;
    }
    ask_at_.erase(listener);
    const std::lock_guard lock(mutex_);
    known_[listener] = std::move(*asked);
  }
}

std::optional<ListenerAddress> ListenerAddresses::find(const std::string& listener) const {
  const std::lock_guard lock(mutex_);
  const auto known = known_.find(listener);
  return known == known_.end() ? std::nullopt : std::optional(known->second);
}

Result<ListenerAddress> ListenerAddresses::ask(const std::string& listener,
                                               const std::stop_token& stop) {
  const aws::Services::Options options{.lane = aws::Lane::Collect, .region = {}, .stop = stop};
  const auto one_of = [](const json& answer, const char* list) {
    const json all = list_at(answer, list);
    return all.empty() ? json::object() : all.front();
  };
  TRY(const json listeners,
      plain(aws_.call("elbv2", "DescribeListeners", {{"ListenerArns", {listener}}}, options)));
  TRY(const json balancers,
      plain(aws_.call("elbv2", "DescribeLoadBalancers",
                      {{"LoadBalancerArns", {balancer_of(listener)}}}, options)));
  const std::string dns_name = text_at(one_of(balancers, "LoadBalancers"), "DNSName");
  if (dns_name.empty())
    return make_error(ErrorCode::NotFound,
                      fmt::format("AWS tells no DNS name of {}", balancer_of(listener)));
  return ListenerAddress{.dns_name = dns_name,
                         .origin = origin_of(one_of(listeners, "Listeners"), dns_name)};
}

}  // namespace pixell::engine::ecs
