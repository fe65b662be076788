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

/// An answer in XML or JSON, and how deep and large its tree may be.
inline constexpr std::size_t kMaxAnswerBytes = std::size_t{8} << 20;
inline constexpr int kMaxXmlDepth = 32;
inline constexpr std::size_t kMaxXmlElements = 200'000;

/// What a credential endpoint or token file may say.
inline constexpr std::size_t kMaxCredentialBytes = std::size_t{64} << 10;
/// ~/.aws/credentials and ~/.aws/config.
inline constexpr std::size_t kMaxProfileBytes = std::size_t{1} << 20;
/// Profiles that lead to each other by source_profile.
inline constexpr int kMaxProfileHops = 5;

/// Waits for an answer of a service; of the container's endpoint and STS; of the instance's.
inline constexpr std::chrono::milliseconds kCallTimeout{60'000};
inline constexpr std::chrono::milliseconds kConnectTimeout{5'000};
inline constexpr std::chrono::milliseconds kStall{15'000};
inline constexpr std::chrono::milliseconds kCredentialTimeout{5'000};
inline constexpr std::chrono::milliseconds kInstanceMetadataTimeout{1'000};
/// How long a token for the instance's metadata shall live, in seconds.
inline constexpr const char* kInstanceTokenLife = "21600";

/// Credentials are renewed by one caller so long before they expire while others go on with them;
/// so long before, everybody waits for the new ones. Never more than a half and a third of their
/// life. After a failure nobody tries again for the last.
inline constexpr std::chrono::milliseconds kAdvisoryRefresh{15 * 60'000};
inline constexpr std::chrono::milliseconds kMandatoryRefresh{10 * 60'000};
inline constexpr std::chrono::milliseconds kRefreshPause{10'000};

/// One call: attempts in all; the longest pause before the second one, doubled each time up to the
/// last value. A pause is a random part of it (full jitter).
inline constexpr int kCallAttempts = 5;
inline constexpr std::chrono::milliseconds kFirstPause{200};
inline constexpr std::chrono::milliseconds kFirstThrottledPause{1'000};
inline constexpr std::chrono::milliseconds kMaxPause{20'000};

/// A clock that is off by less is none of our business: services allow 5 to 15 minutes.
inline constexpr std::chrono::milliseconds kMinSkew{60'000};

/// Rates after a throttled call: the factor, the share of the nominal rate that comes back with
/// each success, the least share, and how long one halving holds.
inline constexpr double kThrottledFactor = 0.5;
inline constexpr double kRecoveredShare = 0.05;
inline constexpr double kLeastShare = 0.05;
inline constexpr std::chrono::milliseconds kThrottledHold{1'000};
/// How often somebody who waits for a token looks again, at least.
inline constexpr std::chrono::milliseconds kTokenLook{1'000};
/// Callers that wait for tokens of one bucket.
inline constexpr std::size_t kMaxWaiting = 10'000;

}  // namespace pixell::aws
