#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "apkg/checked.hpp"
#include "par/prepare/version_range.hpp"

namespace pixell::prepare {

/// A Python interpreter, asked once who it is.
struct Interpreter {
  std::string path;     ///< realpath of sys.executable: never a shim, which costs 100 ms a start
  std::string version;  ///< "3.11.2"
  int major = 0;
  int minor = 0;
  std::string abi;       ///< "cpython-311-x86_64-linux-gnu"
  std::string platform;  ///< "linux-x86_64"
  std::string warning;   ///< how it differs from what the package asked for, or empty
};

/// Finds the interpreter for a package: `wanted` when given, else $PAR_PYTHON, /usr/bin/python3,
/// /usr/local/bin/python3, then python3 on PATH, and before them pythonX.Y in the same places. One
/// that user `worker_uid` (-1 = ours) cannot reach is passed over. `runtime` is the manifest's:
/// "pythonX.Y" and "python>=X.Y" mean at least X.Y, "python<X.Y" an older one. The same minor
/// version is preferred; a newer one in place of "pythonX.Y" carries a warning. WrongRuntime names
/// what was looked for and what was found. In the directory `records` (empty = none) stands what
/// interpreters said about themselves, so that one that is still the same is not started.
apkg::Checked<Interpreter> find_interpreter(const std::string& wanted, std::string_view runtime,
                                            std::int64_t worker_uid,
                                            const std::map<std::string, std::string>& env,
                                            const std::filesystem::path& records = {});

/// What a manifest's runtime asks for. WrongRuntime for another language. A version without a
/// language ("3.11") is Python's.
apkg::Checked<VersionRange> wanted_python(std::string_view runtime);

/// True when every directory on the way to `path` lets users other than its owner through, and the
/// file itself may be read and run by them.
bool is_reachable_by_others(const std::string& path);

/// The same of a directory that others must be able to list.
bool is_readable_by_others(const std::string& directory);

}  // namespace pixell::prepare
