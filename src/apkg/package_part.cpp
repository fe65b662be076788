#include "apkg/package_part.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/files.hpp"

namespace pixell::apkg {

namespace fs = std::filesystem;
using model::Cause;

PackagePart::~PackagePart() { ::unlink(path_.c_str()); }  // after a rename there is none

Result<void> PackagePart::restart() {
  ::unlink(path_.c_str());
  fd_.reset(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd_) return errno_error(fmt::format("cannot create {}", path_.string()), errno);
  digest_ = Sha256();
  bytes_ = 0;
  return {};
}

Result<void> PackagePart::append(std::string_view bytes) {
  bytes_ += bytes.size();
  is_too_large_ = bytes_ > max_bytes_;
  if (is_too_large_) return make_error(ErrorCode::ResourceExhausted, "the package is too large");
  digest_.update(bytes);
  auto written = write_all(fd_.get(), bytes);
  if (!written) disk_error_ = written.error();
  return written;
}

Checked<FetchedPackage> PackagePart::keep(const fs::path& destination) {
  if (::rename(path_.c_str(), destination.c_str()) != 0)
    return refuse(Cause::Internal, fmt::format("cannot make {}", destination.string()),
                  errno_error("rename", errno));
  return FetchedPackage{.sha256 = sha256_, .bytes = bytes_};
}

model::Failure too_large(std::uint64_t max_bytes) {
  return model::make_failure(Cause::PackageTooLarge, fmt::format("the package has more than {} MB",
                                                                 max_bytes / (1024 * 1024)));
}

model::Failure disk_failure(const Error& error) {
  return model::make_failure(Cause::Internal, "cannot write the package", {error.message},
                             "Check the free space on the disk.");
}

}  // namespace pixell::apkg
