#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace pixell::prepare {

/// The list of the regular files below `root`: one line "<size> <sha256> <path>" each.
Result<std::string> list_files(const std::filesystem::path& root);

/// How many bytes the listed files have together.
std::uint64_t listed_bytes(std::string_view list);

/// What is wrong with the files below `root`, as one sentence; nothing when every listed file is
/// there with its size. One lstat a file.
std::optional<std::string> find_missing(const std::filesystem::path& root, const std::string& list);

/// The same, and with its content; reads everything.
std::optional<std::string> find_changed(const std::filesystem::path& root, const std::string& list);

/// The directories below `root` with the times of their last change, one line each. Removing,
/// adding or replacing a file changes the time of its directory. __pycache__ is left out: Python
/// does without what is missing there.
std::string note_directories(const std::filesystem::path& root);

/// True when the noted directories are there and have not changed since.
bool are_directories_unchanged(const std::filesystem::path& root, std::string_view note);

/// Takes the right to write away, so that no agent and no accident changes what others share.
void make_read_only(const std::filesystem::path& root);

/// Removes a directory whose parts may be read-only. What cannot be removed stays.
void remove_tree(const std::filesystem::path& root);

}  // namespace pixell::prepare
