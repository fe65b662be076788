#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <set>
#include <shared_mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "apkg/package_store.hpp"
#include "aws/s3.hpp"
#include "base/log.hpp"
#include "model/agent_app.hpp"
#include "store/store.hpp"

namespace pixell::cmd {

/// The bucket that $AGENT_PACKAGES_BUCKET names; empty when it is not set. InvalidArgument names
/// the value and the rule when S3 allows no such bucket.
Result<std::string> packages_bucket(const aws::Environment& environment);

/// Where a package is in the bucket: `{org}/{app}/{version}/{sha256}.apkg`. What S3 or a shell
/// would make something of is '_' in org and version, and they are cut to kMaxMirrorKeyPart bytes:
/// the digest alone tells packages apart.
std::string mirror_key(const model::AgentApp& app, const model::Package& package);

/// Where tasks on other machines fetch a package: its copy in the bucket, or without one the
/// address it came from; empty when it has none that they could use.
std::string url_for_tasks(const std::string& bucket, const model::AgentApp& app,
                          const model::Package& package);

/// Keeps a copy of every app's package in S3. The store on disk stays the one that deployments use,
/// so that none of them waits for S3 or fails with it; what could not be put is put later. A
/// package whose file is gone from the disk is fetched back. Objects are never removed.
class PackageMirror {
 public:
  /// What it works on, which outlives it.
  struct Parts {
    store::Store& store;
    const apkg::PackageStore& packages;
    std::shared_mutex& files;  ///< as in api::PackageFiles
    aws::S3& s3;
    std::string bucket;
    aws::Outside outside;
    Log log;
  };
  /// What one pass did. A failure is the first one.
  struct Pass {
    std::size_t put = 0;
    std::size_t fetched_back = 0;
    std::optional<Error> failure{};
  };

  explicit PackageMirror(Parts parts) : parts_(std::move(parts)) {}

  /// Compares all packages with the bucket, once; blocks. Of packages seen there before nothing is
  /// asked again. Ends at the first failure that the other packages would meet too.
  Pass run_once(const std::stop_token& stop = {});

  /// Puts a package into the bucket now, unless it is there, and returns its s3:// address.
  /// NotFound when it is neither there nor on the disk; Retry::Later where waiting helps. Blocks;
  /// safe from any thread.
  Result<std::string> publish(const model::AgentApp& app, const model::Package& package);

  /// Starts a thread that does it whenever the store has changed, until this ends.
  void start();

 private:
  struct Trouble {
    Error error;
    bool is_of_all = false;  // another package would meet it too
  };
  using Done = std::expected<void, Trouble>;

  void follow(const std::stop_token& stop);
  Done keep(const model::AgentApp& app, const model::Package& package, Pass& pass,
            const std::stop_token& stop);
  Done put(const aws::S3Location& to, const apkg::StoredPackage& stored,
           const std::stop_token& stop);
  Done fetch_back(const aws::S3Location& from, const model::Package& package,
                  const std::stop_token& stop);
  Trouble refused(const aws::AwsError& error) const;

  const Parts parts_;
  std::set<std::string> kept_{};  // keys that are in the bucket
  std::jthread thread_{};         // last: uses all of the above
};

}  // namespace pixell::cmd
