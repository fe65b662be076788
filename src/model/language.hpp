#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/manifest.hpp"

namespace pixell::model {

/// What an agent is made of; it decides how its process is started.
enum class Language { Python, Node, Executable };

/// "python", "node", "executable".
std::string_view to_string(Language language);

/// Executable when `entrypoint` is `exec:…`; Node when `runtime` names it, in any case, or names
/// nothing and an entry is a JavaScript file; else Python.
Language language_of(const Manifest& manifest);

/// True when a process of the agent's own is needed: something is called or serves. Without one
/// neither an interpreter nor dependencies are.
bool needs_worker(const Manifest& manifest);

/// What serves HTTP by itself: `http_server`, `a2a.http_server`, the script that `entrypoint` of a
/// Node agent is, or the `exec:…` entrypoint. Empty when there is none.
std::string own_server_of(const Manifest& manifest);

/// True for a name that ends in .js, .mjs or .cjs.
bool is_javascript_file(std::string_view name);

/// The program and the arguments of `exec:./bin/agent --flag "two words"`: words between blanks,
/// single and double quotes keep blanks. InvalidArgument: no program, or a quote without its end.
Result<std::vector<std::string>> exec_command(std::string_view entrypoint);

}  // namespace pixell::model
