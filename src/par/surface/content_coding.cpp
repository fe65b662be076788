#include "par/surface/content_coding.hpp"

#include <optional>
#include <string_view>

#include "net/headers.hpp"

namespace pixell::par {

namespace {

constexpr int kMaxWeight = 1000;  // q=1

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// The part of `text` before `mark`, which is taken off with it.
std::string_view take_until(std::string_view& text, char mark) {
  const std::size_t at = text.find(mark);
  const std::string_view part = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return trim(part);
}

// Thousandths of "q=0.5" (RFC 9110 12.4.2); nothing for what is no weight.
std::optional<int> weight_of(std::string_view parameter) {
  constexpr std::size_t kLongest = 5;  // 0.123
  if (!net::equal_names(parameter.substr(0, 2), "q=")) return std::nullopt;
  const std::string_view text = parameter.substr(2);
  if (text.empty() || text.size() > kLongest || (text[0] != '0' && text[0] != '1') ||
      (text.size() > 1 && text[1] != '.'))
    return std::nullopt;
  int weight = (text[0] - '0') * kMaxWeight;
  for (std::size_t i = 2, step = kMaxWeight / 10; i < text.size(); ++i, step /= 10) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    weight += (text[i] - '0') * static_cast<int>(step);
  }
  return weight <= kMaxWeight ? std::optional(weight) : std::nullopt;
}

struct Weights {
  std::optional<int> identity, brotli, gzip, others;

  int of(ContentCoding coding) const {
    const auto& named = coding == ContentCoding::Brotli ? brotli
                        : coding == ContentCoding::Gzip ? gzip
                                                        : identity;
    return named.value_or(others.value_or(0));
  }
};

Weights weights_in(std::string_view accept_encoding) {
  Weights weights;
  while (!accept_encoding.empty()) {
    std::string_view element = take_until(accept_encoding, ',');
    const std::string_view name = take_until(element, ';');
    const auto weight = element.empty() ? kMaxWeight : weight_of(trim(element));
    if (!weight) continue;
    if (net::equal_names(name, "br"))
      weights.brotli = weight;
    else if (net::equal_names(name, "gzip") || net::equal_names(name, "x-gzip"))
      weights.gzip = weight;
    else if (net::equal_names(name, "identity"))
      weights.identity = weight;
    else if (name == "*")
      weights.others = weight;
  }
  return weights;
}

}  // namespace

ContentCoding preferred_coding(std::string_view accept_encoding,
                               std::span<const ContentCoding> available) {
  const Weights weights = weights_in(accept_encoding);
  ContentCoding best = ContentCoding::Identity;
  int best_weight = 0;
  for (const ContentCoding coding : available) {
    if (weights.of(coding) <= best_weight) continue;
    best = coding;
    best_weight = weights.of(coding);
  }
  return weights.of(ContentCoding::Identity) > best_weight ? ContentCoding::Identity : best;
}

}  // namespace pixell::par
