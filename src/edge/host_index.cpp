#include "edge/host_index.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "edge/limits.hpp"
#include "edge/route_table.hpp"
#include "net/headers.hpp"

namespace pixell::edge {

namespace {

constexpr std::string_view kTagEnd = "--";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

std::string lowered(std::string_view text) {
  std::string small(text);
  std::ranges::transform(small, small.begin(), lower);
  return small;
}

// Without port and without the point that ends a full name.
std::string_view host_of(std::string_view authority) {
  if (authority.starts_with('[')) return {};  // an address
  std::string_view host = authority.substr(0, authority.find(':'));
  if (host.ends_with('.')) host.remove_suffix(1);
  return host;
}

bool is_label(std::string_view name) { return name.find('.') == std::string_view::npos; }

}  // namespace

Result<std::string> domain_of(std::string_view text) {
  std::string domain = lowered(text);
  if (!model::check_routing({.hosts = {domain}}).empty())
    return make_error(ErrorCode::InvalidArgument,
                      fmt::format("domain '{}' must be a host name without a port, like "
                                  "agents.example.com",
                                  text));
  return domain;
}

HostIndex::HostIndex(const std::vector<AgentRoute>& routes,
                     const std::vector<std::string>& domains) {
  for (const AgentRoute& route : routes)
    for (const std::string& host : route.routing.hosts) hosts_.add(host, route);
  for (const std::string& domain : domains) suffixes_.push_back("." + domain);
  if (!suffixes_.empty()) add_labels(routes);
}

void HostIndex::add_labels(const std::vector<AgentRoute>& routes) {
  labels_.reserve(routes.size() * 2);
  // Null = two ids that differ only by case.
  std::map<std::string, const AgentRoute*> by_case;
  const auto add = [&](const std::string& name, const AgentRoute& route) {
    if (!is_label(name)) return;
    std::string small = lowered(name);
    if (small == name) {
      labels_.add(name, route);
      return;
    }
    const auto [found, is_new] = by_case.try_emplace(std::move(small), &route);
    if (!is_new && found->second != &route) found->second = nullptr;
  };
  for (const AgentRoute& route : routes) add(route.app_id, route);
  for (const AgentRoute& route : routes)
    for (const std::string& alias : route.routing.aliases) add(alias, route);
  for (const AgentRoute& route : routes) add(route.short_id, route);
  for (const auto& [label, route] : by_case)
    if (route != nullptr) labels_.add(lowered_.emplace_back(label), *route);
}

HostMatch HostIndex::find_label(std::string_view label, std::string_view as_written) const {
  if (const AgentRoute* route = labels_.find(label))
    return {.is_agent = true, .route = route, .name = as_written};
  // An id may hold "--" itself: the first part that leaves an agent is the tag.
  for (std::size_t at = label.find(kTagEnd); at != std::string_view::npos;
       at = label.find(kTagEnd, at + 1))
    if (const AgentRoute* route = labels_.find(label.substr(at + kTagEnd.size())))
      return {.is_agent = true,
              .route = route,
              .name = as_written.substr(at + kTagEnd.size()),
              .tag = as_written.substr(0, at)};
  return {.is_agent = true, .name = as_written};
}

HostMatch HostIndex::find(std::string_view authority) const {
  const std::string_view as_written = host_of(authority);
  if (as_written.empty()) return {};
  if (as_written.size() > kMaxHostBytes) {
    // No name of ours, but nor is it a way to the API.
    const bool is_below = std::ranges::any_of(suffixes_, [&](const std::string& suffix) {
      return net::equal_names(as_written.substr(as_written.size() - suffix.size()), suffix);
    });
    return {.is_agent = is_below, .name = is_below ? as_written : std::string_view()};
  }
  std::array<char, kMaxHostBytes> text;
  std::ranges::transform(as_written, text.begin(), lower);
  const std::string_view host(text.data(), as_written.size());
  if (const AgentRoute* route = hosts_.find(host))
    return {.is_agent = true, .route = route, .name = as_written};
  for (const std::string& suffix : suffixes_) {
    if (!host.ends_with(suffix)) continue;
    const std::string_view label = host.substr(0, host.size() - suffix.size());
    if (!label.empty() && is_label(label))
      return find_label(label, as_written.substr(0, label.size()));
  }
  return {};
}

}  // namespace pixell::edge
