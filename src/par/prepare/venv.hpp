#pragma once

#include <filesystem>

#include "base/result.hpp"
#include "par/prepare/interpreter.hpp"

namespace pixell::prepare {

/// Makes a virtual environment of three small files at `directory` (PEP 405: pyvenv.cfg, a link to
/// the interpreter, a .pth that names the shared site-packages) and returns the path of its python.
Result<std::filesystem::path> make_venv(const std::filesystem::path& directory,
                                        const Interpreter& interpreter,
                                        const std::filesystem::path& site_packages);

}  // namespace pixell::prepare
