// The .env of a stranger, and what becomes of an environment: blocks divided by lines "---" are
// .env, manifest, deploy, owned and base.

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <string>
#include <vector>

#include "base/check.hpp"
#include "input.hpp"
#include "model/environment.hpp"

namespace {

using pixell::model::Environment;
using pixell::model::EnvironmentLayers;

bool is_name(std::string_view name) {
  return !name.empty() && std::isdigit(static_cast<unsigned char>(name[0])) == 0 &&
         std::ranges::all_of(name,
                             [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
}

Environment read(std::string_view text) {
  Environment values = pixell::model::parse_dotenv(text);
  std::string written;
  for (const auto& [key, value] : values) {
    CHECK(is_name(key), "a key is a name");
    CHECK(value.find('\0') == std::string::npos && value.find('\n') == std::string::npos,
          "a value is one line that execve can pass on");
    written += key + "='" + value + "'\n";
  }
  CHECK(pixell::model::parse_dotenv(written) == values, "quoted, it is read back as it was");
  return values;
}

EnvironmentLayers layers_of(std::string_view text) {
  constexpr std::string_view kDivider = "\n---\n";
  EnvironmentLayers layers;
  for (Environment* layer :
       {&layers.dotenv, &layers.manifest, &layers.deploy, &layers.owned, &layers.base}) {
    const std::size_t end = std::min(text.find(kDivider), text.size());
    *layer = read(text.substr(0, end));
    text.remove_prefix(std::min(end + kDivider.size(), text.size()));
  }
  return layers;
}

// What the layers have for `key`.
std::vector<std::string> written_for(const EnvironmentLayers& layers, const std::string& key) {
  std::vector<std::string> values;
  for (const Environment* layer :
       {&layers.owned, &layers.deploy, &layers.manifest, &layers.dotenv, &layers.base})
    if (const auto found = layer->find(key); found != layer->end()) values.push_back(found->second);
  return values;
}

bool says_nothing(const std::string& value) { return value == "None" || value == "null"; }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const EnvironmentLayers layers = layers_of(pixell::fuzz::text_of(data, size));
  const auto resolved = pixell::model::resolve_environment(layers);
  for (const auto& [key, value] : layers.owned)
    CHECK(resolved.values.at(key) == value, "what the runtime sets is never changed");
  for (const auto& [key, value] : resolved.values) {
    const auto written = written_for(layers, key);
    CHECK(!written.empty(), "no key comes from nowhere");
    std::size_t longest = pixell::model::kMaxEnvironmentValueBytes;
    bool has_placeholder = false;
    for (const std::string& one : written) {
      longest = std::max(longest, one.size());
      has_placeholder |= one.find("${") != std::string::npos;
    }
    CHECK(value.size() <= longest, "a value does not grow over the limit");
    CHECK(has_placeholder || std::ranges::find(written, value) != written.end(),
          "without placeholders it stays as a layer has it");
    CHECK(layers.owned.contains(key) || !says_nothing(value), "what says nothing is left out");
  }
  for (const std::string& name : resolved.unresolved)
    CHECK(is_name(name), "only names are looked up");
  return 0;
}
