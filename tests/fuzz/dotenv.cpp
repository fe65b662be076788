// The .env of a stranger, and what becomes of an environment: blocks divided by lines "---" are
// .env, manifest, deploy, owned and base.

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <string>

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

// The layer whose value counts for `key`, strongest first; null when none has it.
const Environment* layer_with(const EnvironmentLayers& layers, const std::string& key) {
  for (const Environment* layer :
       {&layers.owned, &layers.deploy, &layers.manifest, &layers.dotenv, &layers.base})
    if (layer->contains(key)) return layer;
  return nullptr;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const EnvironmentLayers layers = layers_of(pixell::fuzz::text_of(data, size));
  const auto resolved = pixell::model::resolve_environment(layers);
  for (const auto& [key, value] : layers.owned)
    CHECK(resolved.values.at(key) == value, "what the runtime sets is never changed");
  for (const auto& [key, value] : resolved.values) {
    const Environment* layer = layer_with(layers, key);
    CHECK(layer != nullptr, "no key comes from nowhere");
    const std::string& written = layer->at(key);
    CHECK(value.size() <= std::max(written.size(), pixell::model::kMaxEnvironmentValueBytes),
          "a value does not grow over the limit");
    if (written.find("${") == std::string::npos)
      CHECK(value == written, "without placeholders it stays as it is");
  }
  for (const std::string& name : resolved.unresolved)
    CHECK(is_name(name), "only names are looked up");
  for (const std::string& key : resolved.dropped)
    CHECK(layers.owned.contains(key) || !resolved.values.contains(key), "dropped is gone");
  return 0;
}
