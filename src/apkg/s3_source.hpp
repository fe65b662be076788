#pragma once

#include "apkg/checked.hpp"
#include "apkg/package_part.hpp"
#include "apkg/package_source.hpp"

namespace pixell::apkg {

/// Fetches the object that `url` names into `part`. PackageNotFound when there is none,
/// PackageTooLarge, ConfigInvalid for a bucket that cannot be or without S3, DownloadFailed for
/// everything else, with the request's id and what to do.
Checked<void> fetch_from_s3(const PackageUrl& url, const PackageRequest& request,
                            const PackageSourceParts& parts, PackagePart& part);

}  // namespace pixell::apkg
