#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "net/event_loop.hpp"
#include "net/stream.hpp"

namespace pixell::par {

/// A file that may be served: small ones in memory, others open.
struct UiFile {
  std::shared_ptr<const std::string> content;  ///< null for a large file
  UniqueFd fd;                                 ///< set for a large file
  std::int64_t size = 0;
  std::string etag;           ///< with quotes
  std::string last_modified;  ///< HTTP-date
  std::string content_type;
};

/// The UI folder of the package. Nothing outside it and nothing hidden can be named; links are not
/// followed. Small files are kept in memory and checked against the disk with one stat.
class UiFiles {
 public:
  /// Finds the folder: `path` of the manifest, else dist/ui, whichever has index.html.
  /// InvalidArgument for a path that is not below the package, NotFound when neither has one.
  /// `version` (the package digest) makes ETags of different packages differ.
  static Result<std::unique_ptr<UiFiles>> open(const std::string& package_root,
                                               const std::string& path, std::string version);

  /// The file for a requested path (percent-encoded, below the mount).
  std::optional<UiFile> find(std::string_view encoded_path);
  bool has_index() const;

 private:
  struct Cached {
    std::string key;
    UiFile file;
    std::int64_t modified_ns = 0;
  };
  using Cache = std::list<Cached>;  // most recently used first

  UiFiles(UniqueFd folder, std::string version)
      : folder_(std::move(folder)), version_(std::move(version)) {}
  UniqueFd open_file(const std::vector<std::string>& segments) const;
  std::optional<UiFile> find_cached(const std::string& key, std::int64_t modified_ns,
                                    std::int64_t size);
  void keep(const std::string& key, const UiFile& file, std::int64_t modified_ns);
  void drop(Cache::iterator at);

  UniqueFd folder_;
  std::string version_;
  Cache cache_;
  std::map<std::string, Cache::iterator> by_key_;
  std::size_t cached_bytes_ = 0;
};

/// Answers GET or HEAD with the file: 200, or 304 for If-None-Match and If-Modified-Since. Large
/// files go out in pieces as the client reads. Returns the handler of the request's body.
std::unique_ptr<net::StreamHandler> serve_ui_file(net::EventLoop& loop, net::ServerStream& stream,
                                                  UiFile file);

/// An HTTP-date (RFC 9110 5.6.7) for seconds since 1970 UTC.
std::string http_date(std::int64_t seconds);

}  // namespace pixell::par
