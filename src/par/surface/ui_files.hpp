#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "net/message.hpp"
#include "par/limits.hpp"
#include "par/surface/content_coding.hpp"

namespace pixell::par {

/// One form of a file (RFC 9110 3.2), as it lies in the folder: a small one in memory, another
/// open. Its answers have their heads.
struct UiRepresentation {
  ContentCoding coding = ContentCoding::Identity;
  std::string content;  ///< of a small file
  UniqueFd fd;          ///< of a large file: more than kMaxCachedFileBytes
  std::int64_t size = 0;
  std::int64_t modified_ns = 0;
  std::string etag;             ///< with quotes
  net::ResponseHead found;      ///< 200, with Content-Type and Content-Length
  net::ResponseHead unchanged;  ///< 304

  bool is_large() const { return bool(fd); }
  std::int64_t modified_s() const { return modified_ns / 1'000'000'000; }
};

/// A file that may be served, and those beside it that were made of it before (kFileCodings).
struct UiFile {
  UiRepresentation plain;
  std::vector<UiRepresentation> encoded;  ///< in the order of kFileCodings
};

/// The UI folder of the package. Nothing outside it and nothing hidden can be named; links are not
/// followed. Files that were asked for stay in memory, or open when they are large, with what lies
/// encoded beside them; whether they have changed on the disk, or are there by now, is looked at
/// once in kFileCheckPause.
class UiFiles {
 public:
  /// Finds the folder: `path` of the manifest, else dist/ui, whichever has index.html.
  /// InvalidArgument for a path that is not below the package, NotFound when neither has one.
  /// `version` is the digest of the package that was just unpacked, or empty for a folder that may
  /// be anything. It makes ETags of different packages differ, and those of one the same wherever
  /// it runs, as long as nobody has written to the file.
  static Result<std::unique_ptr<UiFiles>> open(const std::string& package_root,
                                               const std::string& path, std::string version);

  /// The file for a requested path (percent-encoded, below the mount); null when there is none.
  std::shared_ptr<const UiFile> find(std::string_view encoded_path, Instant now);
  bool has_index() const;

 private:
  struct Cached {
    std::string encoded_path;
    std::string path;  // below the folder
    std::shared_ptr<const UiFile> file;
    Instant checked_at{};
  };
  using Cache = std::list<Cached>;  // most recently used first
  struct Missed {
    std::string encoded_path;
    Instant until{};
  };

  UiFiles(UniqueFd folder, std::string version);
  UniqueFd open_file(const std::vector<std::string>& segments) const;
  std::optional<UiRepresentation> load_one(const std::vector<std::string>& segments,
                                           const CodingNames* coding) const;
  std::shared_ptr<const UiFile> load(std::string_view encoded_path, Instant now);
  std::shared_ptr<const UiFile> find_cached(std::string_view encoded_path, Instant now);
  bool is_on_disk(const std::string& path, const UiRepresentation* known) const;
  bool is_as_cached(const Cached& cached) const;
  void keep(Cached cached);
  void drop(Cache::iterator at);

  UniqueFd folder_;
  const std::string version_;
  const std::int64_t opened_ns_;  // what was written later did not come with the package
  Cache cache_;
  std::unordered_map<std::string_view, Cache::iterator> by_path_;  // keys lie in cache_
  std::size_t cached_bytes_ = 0;
  std::size_t cached_files_ = 0;             // encoded ones too
  std::array<Missed, kMissedPaths> missed_;  // each path has one place
};

}  // namespace pixell::par
