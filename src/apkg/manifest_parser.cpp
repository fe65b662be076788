#include "apkg/manifest_parser.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <optional>

#include "apkg/limits.hpp"
#include "apkg/manifest_missing.hpp"
#include "apkg/yaml_guard.hpp"
#include "base/files.hpp"
#include "base/utf8.hpp"

namespace pixell::apkg {

using model::Cause;
using model::Manifest;

namespace {

// One value with the way to it ("metadata.sub_agents[2].name").
struct Place {
  YAML::Node node;
  std::string path;
};

// Reads values and collects what is wrong with them, so that all findings are told at once.
class Reader {
 public:
  void wrong(const Place& place, std::string_view what) { add(findings_, place, what); }

  // The same of what is left out and keeps nothing from being served.
  void ignored(const Place& place, std::string_view what) { add(warnings_, place, what); }

  // The value under a key, or nothing when it is absent or null. The last of several wins, as with
  // the readers our packages were made for.
  std::optional<Place> find(const Place& map, std::string_view key) const {
    std::optional<Place> found;
    for (const auto& entry : map.node)
      if (entry.first.IsScalar() && entry.first.Scalar() == key)
        found = Place{entry.second, join(map.path, key)};
    if (found && found->node.IsNull()) found.reset();
    return found;
  }

  // True when the key is there, with a value or without.
  static bool has(const Place& map, std::string_view key) {
    return std::any_of(map.node.begin(), map.node.end(), [&](const auto& entry) {
      return entry.first.IsScalar() && entry.first.Scalar() == key;
    });
  }

  // A section: absent when the key is; empty when it has no value; a finding when it is no mapping.
  std::optional<Place> section(const Place& map, std::string_view key) {
    auto place = find(map, key);
    if (place && !place->node.IsMap()) {
      wrong(*place, fmt::format("must be a mapping, not {}", kind(place->node)));
      place.reset();
    }
    if (!place && has(map, key)) return Place{YAML::Node(YAML::NodeType::Map), join(map.path, key)};
    return place;
  }

  std::optional<std::string> text(const Place& map, std::string_view key) {
    const auto place = find(map, key);
    if (!place) return std::nullopt;
    if (!place->node.IsScalar()) {
      wrong(*place, fmt::format("must be a text, not {}", kind(place->node)));
      return std::nullopt;
    }
    if (!is_usable(*place)) return std::nullopt;
    return place->node.Scalar();
  }

  // Whether a text can go into an environment and into JSON; a finding when it cannot.
  bool is_usable(const Place& place) {
    const std::string& value = place.node.Scalar();
    if (value.find('\0') != std::string::npos)
      wrong(place, "holds a zero byte");
    else if (!is_utf8(value))
      wrong(place, "is not UTF-8");
    else
      return true;
    return false;
  }

  // "module:function", or only a name: what it means is the surface's to say. Empty when absent or
  // wrong.
  std::string entry(const Place& map, std::string_view key) {
    const std::string value = text(map, key).value_or("");
    if (value.empty()) return {};
    const Place place{find(map, key)->node, join(map.path, key)};
    const bool has_blank = std::any_of(value.begin(), value.end(), [](char c) {
      return static_cast<unsigned char>(c) <= ' ' || c == 0x7f;
    });
    const std::size_t colon = value.find(':');
    const bool has_halves = colon != 0 && colon + 1 != value.size();
    if (value.size() > kMaxEntryTextBytes || has_blank || !has_halves) {
      wrong(place, "must be module:function or a name");
      return {};
    }
    return value;
  }

  std::vector<std::string> findings() && { return std::move(findings_); }
  std::vector<std::string> take_warnings() { return std::move(warnings_); }

  static std::string join(const std::string& path, std::string_view key) {
    return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
  }
  static std::string_view kind(const YAML::Node& node) {
    if (node.IsMap()) return "a mapping";
    if (node.IsSequence()) return "a list";
    return node.IsScalar() ? "a text" : "empty";
  }

 private:
  static void add(std::vector<std::string>& lines, const Place& place, std::string_view what) {
    if (lines.size() >= kMaxManifestFindings) return;
    const YAML::Mark mark = place.node.Mark();
    lines.push_back(fmt::format("agent.yaml:{}:{}: {} {}", mark.line + 1, mark.column + 1,
                                place.path.empty() ? "the document" : place.path, what));
  }

  std::vector<std::string> findings_;
  std::vector<std::string> warnings_;
};

bool is_variable_name(std::string_view name) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && is_letter(name[0]) && std::all_of(name.begin(), name.end(), [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9');
  });
}

void read_environment(Reader& reader, const Place& root, Manifest& manifest) {
  const auto section = reader.section(root, "environment");
  if (!section) return;
  for (const auto& entry : section->node) {
    if (!entry.first.IsScalar()) {
      reader.wrong({entry.first, section->path}, "has a key that is no text");
      continue;
    }
    const std::string& name = entry.first.Scalar();
    const Place place{entry.second, Reader::join(section->path, name)};
    if (!is_variable_name(name)) {
      reader.ignored({entry.first, place.path}, "is left out: it is no name of a variable");
      continue;
    }
    // No value means no variable: the text "None" in an environment breaks agents.
    if (entry.second.IsNull()) continue;
    if (!entry.second.IsScalar())
      reader.wrong(place, fmt::format("must be a text, not {}", Reader::kind(entry.second)));
    else if (reader.is_usable(place))
      manifest.environment[name] = entry.second.Scalar();
  }
}

void read_surfaces(Reader& reader, const Place& root, Manifest& manifest) {
  manifest.http_server = reader.entry(root, "http_server");
  if (const auto a2a = reader.section(root, "a2a")) {
    manifest.a2a.emplace();
    manifest.a2a->entry = reader.entry(*a2a, "entry");
    const std::string service = reader.entry(*a2a, "service");
    if (manifest.a2a->entry.empty()) manifest.a2a->entry = service;
    manifest.a2a->http_server = reader.entry(*a2a, "http_server");
    // pixell-sdk copies http_server into an empty entry; it stays a server, and no service.
    if (manifest.a2a->entry == manifest.a2a->http_server ||
        manifest.a2a->entry == manifest.http_server)
      manifest.a2a->entry.clear();
  }
  if (const auto rest = reader.section(root, "rest")) {
    std::string entry = reader.entry(*rest, "entry");
    if (!entry.empty()) manifest.rest = Manifest::Rest{.entry = std::move(entry)};
  }
  if (const auto ui = reader.section(root, "ui")) {
    std::string path = reader.text(*ui, "path").value_or("");
    auto base = reader.text(*ui, "basePath");
    if (!base) base = reader.text(*ui, "base_path");
    if (!path.empty())
      manifest.ui = Manifest::Ui{.path = std::move(path), .base_path = base.value_or("/")};
  }
}

// "python3.11", or a mapping: {python: ">=3.8"} is "python>=3.8", and so is
// {language: python, version: ">=3.8"}. Of several languages the first is meant.
void read_runtime(Reader& reader, const Place& root, Manifest& manifest) {
  const auto place = reader.find(root, "runtime");
  if (!place) return;
  if (place->node.IsScalar()) {
    if (reader.is_usable(*place)) manifest.runtime = place->node.Scalar();
    return;
  }
  if (!place->node.IsMap() || place->node.size() == 0)
    return reader.wrong(*place, "must be a text or a mapping of a language to a version");
  for (const std::string_view key : {"language", "type", "name"}) {
    const auto language = reader.find(*place, key);
    if (!language || !language->node.IsScalar()) continue;
    manifest.runtime =
        reader.text(*place, key).value_or("") + reader.text(*place, "version").value_or("");
    return;
  }
  const auto first = *place->node.begin();
  if (!first.first.IsScalar() || !(first.second.IsScalar() || first.second.IsNull()))
    return reader.wrong(*place, "must map a language to a version");
  for (const YAML::Node& half : {first.first, first.second})
    if (half.IsScalar() && !reader.is_usable({half, place->path})) return;
  manifest.runtime =
      first.first.Scalar() + (first.second.IsScalar() ? first.second.Scalar() : std::string());
}

void read_sub_agents(Reader& reader, const Place& metadata, Manifest& manifest) {
  const auto list = reader.find(metadata, "sub_agents");
  if (!list) return;
  if (!list->node.IsSequence())
    return reader.wrong(*list, fmt::format("must be a list, not {}", Reader::kind(list->node)));
  if (list->node.size() > kMaxSubAgents)
    return reader.wrong(*list, fmt::format("has more than {} entries", kMaxSubAgents));
  std::size_t number = 0;
  for (const auto& node : list->node) {
    const Place place{node, fmt::format("{}[{}]", list->path, number++)};
    if (!node.IsMap()) {
      reader.wrong(place, fmt::format("must be a mapping, not {}", Reader::kind(node)));
      continue;
    }
    Manifest::SubAgent agent;
    agent.name = reader.text(place, "name").value_or("");
    if (agent.name.empty()) reader.wrong(place, "has no name");
    agent.description = reader.text(place, "description").value_or("");
    if (const auto is_public = reader.find(place, "public"))
      if (!YAML::convert<bool>::decode(is_public->node, agent.is_public))
        reader.wrong(*is_public, "must be true or false");
    manifest.sub_agents.push_back(std::move(agent));
  }
}

void read_limits(Reader& reader, const std::optional<Place>& section, model::LimitsAsked& limits) {
  if (!section) return;
  for (const auto& entry : section->node) {
    const std::string name = entry.first.IsScalar() ? entry.first.Scalar() : std::string();
    const Place place{entry.second, Reader::join(section->path, name)};
    double value = 0;
    if (!entry.second.IsScalar() || !YAML::convert<double>::decode(entry.second, value))
      reader.wrong(place, "must be a number");
    else if (const auto set = model::set_limit(limits, name, value); !set)
      reader.wrong(place, set.error().message);
  }
}

// The builders refuse top-level names they do not know, so the limits may stand in metadata too.
void read_all_limits(Reader& reader, const Place& root, Manifest& manifest) {
  if (const auto metadata = reader.find(root, "metadata"); metadata && metadata->node.IsMap())
    if (const auto pixell = reader.section(*metadata, "pixell"))
      read_limits(reader, reader.section(*pixell, "resources"), manifest.limits);
  read_limits(reader, reader.section(root, "limits"), manifest.limits);
}

Manifest read_document(Reader& reader, const Place& root) {
  Manifest manifest;
  const auto text = [&](std::string_view key, std::string fallback = {}) {
    auto value = reader.text(root, key);
    return value && !value->empty() ? std::move(*value) : std::move(fallback);
  };
  manifest.name = text("name", "unknown");
  manifest.display_name = text("display_name");
  manifest.description = text("description");
  manifest.author = text("author");
  manifest.entrypoint = text("entrypoint");
  manifest.version = text("version", "0.0.0");
  read_runtime(reader, root, manifest);
  read_environment(reader, root, manifest);
  read_surfaces(reader, root, manifest);
  read_all_limits(reader, root, manifest);
  if (const auto metadata = reader.section(root, "metadata")) {
    // Top-level `version` is the manifest's own in many packages: "1.0" in every release.
    const auto version = reader.text(*metadata, "version");
    if (version && !version->empty()) manifest.version = *version;
    read_sub_agents(reader, *metadata, manifest);
  }
  manifest.warnings = reader.take_warnings();
  return manifest;
}

}  // namespace

Checked<Manifest> parse_manifest(std::string_view yaml) try {
  if (yaml.size() > kMaxManifestBytes)
    return refuse(Cause::ManifestInvalid, fmt::format("agent.yaml has {} bytes; the limit is {}",
                                                      yaml.size(), kMaxManifestBytes));
  CHECKED_TRY_VOID(guard_yaml(yaml));
  const Place root{YAML::Load(std::string(yaml)), ""};
  if (!root.node.IsMap())
    return refuse(Cause::ManifestInvalid, "agent.yaml must be a mapping",
                  {fmt::format("agent.yaml:1:1: the document is {}", Reader::kind(root.node))});
  Reader reader;
  Manifest manifest = read_document(reader, root);
  std::vector<std::string> findings = std::move(reader).findings();
  if (!findings.empty()) {
    std::string message = findings.size() == 1
                              ? "agent.yaml has a wrong value"
                              : fmt::format("agent.yaml has {} wrong values", findings.size());
    return refuse(Cause::ManifestInvalid, std::move(message), std::move(findings));
  }
  return manifest;
} catch (const YAML::Exception& wrong) {
  return refuse(
      Cause::ManifestInvalid, "agent.yaml cannot be read",
      {fmt::format("agent.yaml:{}:{}: {}", wrong.mark.line + 1, wrong.mark.column + 1, wrong.msg)});
}

Checked<Manifest> read_manifest(const std::filesystem::path& package_root) {
  const auto path = package_root / "agent.yaml";
  std::error_code failed;
  if (!std::filesystem::is_regular_file(path, failed))
    return std::unexpected(manifest_missing(files_near_root(package_root)));
  const auto text = read_file(path);
  if (!text) return refuse(Cause::ManifestInvalid, "agent.yaml cannot be read", text.error());
  return parse_manifest(*text);
}

}  // namespace pixell::apkg
