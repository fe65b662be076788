#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace pixell {

/// Reads a whole file of at most kMaxSmallFileBytes. NotFound when it is absent.
Result<std::string> read_file(const std::filesystem::path& path);

/// What a written file must survive. ProcessCrash spares the two fsyncs.
enum class Durability { PowerCut, ProcessCrash };

/// Replaces `path` so that a reader sees the old or the new content, never a part; survives a
/// power cut (write to a sibling, fsync, rename, fsync of the directory) unless told otherwise.
Result<void> write_file_atomically(const std::filesystem::path& path, std::string_view content,
                                   unsigned mode = 0600,
                                   Durability durability = Durability::PowerCut);

/// Makes the names in a directory survive a power cut; an empty path is the current directory.
Result<void> sync_directory(const std::filesystem::path& directory);

/// Makes `path` and its parents; an existing directory is fine. `mode` is for the last one.
Result<void> make_directories(const std::filesystem::path& path, unsigned mode = 0700);

/// Takes an exclusive flock on `path` (made when absent), waiting up to `timeout_ms`.
/// DeadlineExceeded names the file. The lock ends when the descriptor is closed.
Result<UniqueFd> lock_file(const std::filesystem::path& path, int timeout_ms);

/// Writes everything to a descriptor, going on after EINTR and short writes.
Result<void> write_all(int fd, std::string_view data);

/// Marks a descriptor as inherited (or not) by programs that are started.
Result<void> set_inherited(int fd, bool is_inherited);

/// Makes a descriptor non-blocking.
Result<void> set_nonblocking(int fd);

}  // namespace pixell
