#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace pixell::aws {

using namespace std::chrono_literals;

/// How long a presigned URL may be valid (SigV4 allows seven days).
inline constexpr std::chrono::seconds kMaxPresignLife{7 * 24 * 3600};

/// An endpoint override: its bytes.
inline constexpr std::size_t kMaxEndpointBytes = 2048;

/// The key of an object in S3 (UserGuide/object-keys.html).
inline constexpr std::size_t kMaxS3KeyBytes = 1024;

}  // namespace pixell::aws
