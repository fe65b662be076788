#include "model/environment.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <set>
#include <utility>

namespace pixell::model {

namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n\f\v";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

bool is_name(std::string_view text) {
  const auto is_part = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; };
  return !text.empty() && std::isdigit(static_cast<unsigned char>(text.front())) == 0 &&
         std::ranges::all_of(text, is_part);
}

std::string_view unquoted(std::string_view value) {
  if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') &&
      value.front() == value.back())
    return value.substr(1, value.size() - 2);
  return value;
}

struct Placeholder {
  std::string_view name;
  std::optional<std::string_view> fallback;
  std::size_t size = 0;  // in the text, with ${ and }
};

// The placeholder at the start of `text`, which begins with "${".
std::optional<Placeholder> placeholder_at(std::string_view text) {
  const auto end = text.find('}');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view inside = text.substr(2, end - 2);
  const auto colon = inside.find(":-");
  Placeholder found{.name = inside.substr(0, colon), .fallback = {}, .size = end + 1};
  if (colon != std::string_view::npos) found.fallback = inside.substr(colon + 2);
  if (!is_name(found.name)) return std::nullopt;
  return found;
}

/// Fills placeholders. Remembers what is being looked up, so that a cycle ends.
class Resolver {
 public:
  explicit Resolver(const EnvironmentLayers& layers)
      : scopes_{&layers.dotenv, &layers.deploy, &layers.owned, &layers.manifest, &layers.base},
        is_literal_{false, false, true, false, true} {}

  /// The value of `key`, which stands in `layer`, with its placeholders filled.
  std::string fill(const Environment& layer, const std::string& key) {
    const auto scope = std::ranges::find(scopes_, &layer) - scopes_.begin();
    return expand({static_cast<std::size_t>(scope), key}).value_or(layer.at(key));
  }

  std::vector<std::string> take_unresolved() { return {unresolved_.begin(), unresolved_.end()}; }

 private:
  using Place = std::pair<std::size_t, std::string>;  // scope and key

  // Nothing when the value depends on itself or grows over the limit.
  std::optional<std::string> expand(const Place& place) {
    const std::string& raw = scopes_[place.first]->at(place.second);
    if (is_literal_[place.first]) return raw;
    open_.insert(place);
    std::string filled;
    std::string_view rest = raw;
    while (!rest.empty() && filled.size() <= kMaxEnvironmentValueBytes) {
      const std::size_t at = std::min(rest.find("${"), rest.size());
      filled += rest.substr(0, at);
      rest.remove_prefix(at);
      if (rest.empty()) break;
      const auto found = placeholder_at(rest);
      const std::size_t size = found ? found->size : 2;
      filled += found ? value_of(*found).value_or(std::string(rest.substr(0, size)))
                      : std::string(rest.substr(0, size));
      rest.remove_prefix(size);
    }
    open_.erase(place);
    if (filled.size() > kMaxEnvironmentValueBytes) return std::nullopt;
    return filled;
  }

  std::optional<std::string> value_of(const Placeholder& placeholder) {
    const std::string name(placeholder.name);
    for (std::size_t scope = 0; scope < scopes_.size(); ++scope) {
      const Place place{scope, name};
      if (!scopes_[scope]->contains(name) || open_.contains(place)) continue;
      // open_ holds one place per level: looking up recurses.
      if (++lookups_ > kMaxPlaceholderLookups || open_.size() >= kMaxPlaceholderDepth) break;
      if (auto value = expand(place)) return value;
    }
    if (placeholder.fallback) return std::string(*placeholder.fallback);
    unresolved_.insert(name);
    return std::nullopt;
  }

  std::array<const Environment*, 5> scopes_;
  std::array<bool, 5> is_literal_;
  std::set<Place> open_;
  std::set<std::string> unresolved_;
  int lookups_ = 0;
};

bool says_nothing(std::string_view key, std::string value) {
  if (value == "None" || value == "null") return true;
  if (key != "DB_PORT" && key != "DB_HOST" && key != "DB_NAME") return false;
  std::ranges::transform(value, value.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return value.empty() || value == "none" || value == "null";
}

// "my-key", "app.port", "export NAME": what somebody meant as a name, and no base64 of a secret.
bool is_meant_as_name(std::string_view key) {
  constexpr std::string_view kMarks = "-. ";
  return key.size() <= 64 && key.find_first_of(kMarks) != std::string_view::npos &&
         std::ranges::all_of(key, [&](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' ||
                  kMarks.find(c) != std::string_view::npos;
         });
}

std::string skipped_line(std::size_t number, std::string_view key) {
  std::string text = ".env:" + std::to_string(number) + ": ";
  if (!is_meant_as_name(key)) return text + "the line is left out: it is not NAME=value";
  return text.append("'").append(key).append("' is left out: it is no name of a variable");
}

}  // namespace

Environment parse_dotenv(std::string_view text, std::vector<std::string>* skipped) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  Environment values;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t equals = line.find('=');
    if (line.empty() || line.front() == '#' || equals == std::string_view::npos) continue;
    const std::string_view key = trimmed(line.substr(0, equals));
    // A value with a NUL cannot be in an environment at all.
    if (!is_name(key) || line.find('\0') != std::string_view::npos) {
      if (skipped != nullptr && skipped->size() < kMaxSkippedVariables)
        skipped->push_back(skipped_line(number, key));
      continue;
    }
    values[std::string(key)] = unquoted(trimmed(line.substr(equals + 1)));
  }
  return values;
}

ResolvedEnvironment resolve_environment(const EnvironmentLayers& layers) {
  std::set<std::string> dropped;
  const auto drop = [&dropped](const auto& entry) {
    if (!says_nothing(entry.first, entry.second)) return false;
    dropped.insert(entry.first);
    return true;
  };
  // What says nothing is not there: it neither hides a weaker layer's value nor fills placeholders.
  EnvironmentLayers said = layers;
  for (Environment* layer : {&said.base, &said.dotenv, &said.manifest, &said.deploy})
    std::erase_if(*layer, drop);
  ResolvedEnvironment result;
  Resolver resolver(said);
  result.values = said.base;
  for (const Environment* layer : {&said.dotenv, &said.manifest, &said.deploy})
    for (const auto& [key, raw] : *layer) result.values[key] = resolver.fill(*layer, key);
  std::erase_if(result.values, drop);
  result.dropped.assign(dropped.begin(), dropped.end());
  for (const auto& [key, value] : layers.owned) result.values[key] = value;
  result.unresolved = resolver.take_unresolved();
  return result;
}

}  // namespace pixell::model
