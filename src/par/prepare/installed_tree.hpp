#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <string>

#include "base/result.hpp"

namespace pixell::prepare {

/// Copies what an installer made at `source`, whose owner may be hostile and still at work, to
/// `target`, which must not exist: regular files and directories, which become ours with nothing
/// but the right to run kept of their modes, and links that lead to something inside. A source that
/// is not there is an empty directory. FailedPrecondition names what is something else.
Result<void> publish_tree(const std::filesystem::path& source, const std::filesystem::path& target);

/// Reads a file from a directory that belongs to somebody else: no link is followed and nothing but
/// a regular file of at most `max_bytes` is read.
Result<std::string> read_foreign_file(const std::filesystem::path& path, std::size_t max_bytes);

/// Gives a tree that we made to a user, who must not have got at it before; its root comes last.
Result<void> give_tree(const std::filesystem::path& root, uid_t user);

}  // namespace pixell::prepare
