#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"

namespace pixell::edge {

/// How long one long-poll for routes may wait for a change.
inline constexpr Millis kRoutePollTimeout{20'000};
/// How long saved routes wait for others before they are synced to disk.
inline constexpr Millis kRouteSettleTime{1'000};
/// Pause after a failed pull: from the first to the last, doubling.
inline constexpr Millis kRoutePullBackoffMin{50};
inline constexpr Millis kRoutePullBackoffMax{1'000};
/// How long every loop may take to take over a snapshot before it is reported.
inline constexpr Millis kPublishTimeout{5'000};
/// What Retry-After says when an agent or the API is away for a moment, in seconds.
inline constexpr const char* kRetryAfterSeconds = "1";
/// How long the edge lets exchanges end after SIGTERM.
inline constexpr Millis kDrainTimeout{30'000};
inline constexpr int kMaxThreads = 64;
/// A client that takes nothing of what waits for it for this long is cut.
inline constexpr Millis kClientStallTimeout{120'000};

/// Revisions counted at most beside those that are routed; more = those that ended are given up
/// although control was not told.
inline constexpr std::size_t kMaxMeasuredRevisions = 10'000;
/// How long an edge that has no saved routes waits for the first before it accepts connections.
inline constexpr Millis kFirstRoutesTimeout{2'000};

/// How often measurements are told while they change.
inline constexpr Millis kTrafficReportPeriod{250};
/// Pause after a report that was not taken: doubling from kTrafficReportPeriod up to this.
inline constexpr Millis kTrafficBackoffMax{2'000};
/// How often control is asked whether it is still the one that has been told, changes or not.
inline constexpr Millis kTrafficAskPeriod{5'000};

/// A reply whose head took longer has a line whatever is sampled.
inline constexpr Millis kSlowReply{1'000};
/// N of --access-log 1/N at most.
inline constexpr std::uint32_t kMaxAccessLogSample = 1'000'000;

/// Apps with requests that the metrics page has samples of; the others are told by their number.
inline constexpr std::size_t kMaxMeteredApps = 2'000;
/// How long the metrics page waits for each loop to tell of itself.
inline constexpr Millis kLoopAnswerTimeout{1'000};
/// The longest name DNS has (RFC 1035 2.3.4), in text.
inline constexpr std::size_t kMaxHostBytes = 253;
inline constexpr std::uint16_t kHttpsPort = 443;
/// Agents' exchanges under way in one loop; more are shed. Each takes two connections of the
/// process.
inline constexpr int kMaxExchangesPerLoop = 20'000;
/// How long a ready event may wait for its loop before the loop counts as overloaded, when that has
/// lasted for kOverloadOnset and for so many measurements without a single shorter wait.
inline constexpr Millis kLagTarget{100};
inline constexpr Millis kOverloadOnset{1'000};
inline constexpr int kOverloadSamples = 5;
/// Between two measurements of a loop's lag while requests come.
inline constexpr Millis kLagProbePause{20};
/// How often the share of shed requests follows the lag, in which steps (permille), and how far.
inline constexpr Millis kShedWindow{100};
inline constexpr int kShedStepUp = 100;
inline constexpr int kShedStepDown = 50;
inline constexpr int kMaxShedPermille = 950;
/// What Retry-After says to a request that was shed.
inline constexpr Millis kShedRetryAfter{1'000};

/// Room for what is added to a request's head, so that it is one piece of memory: fields, bytes.
inline constexpr std::size_t kForwardedFields = 12;
inline constexpr std::size_t kForwardedBytes = 384;

/// Mirrored requests of one loop at once, from their first byte to the comparison; more are
/// dropped.
inline constexpr std::size_t kMaxMirrorsPerLoop = 64;
/// How long a mirrored request may take; then it failed.
inline constexpr Millis kMirrorTimeout{30'000};
/// Of a reply, so many bytes are compared (by hash), and so many of the mirror's are read at most.
inline constexpr std::size_t kMirrorHashedBytes = 16 * 1024;
inline constexpr std::size_t kMaxMirrorReplyBytes = 1024 * 1024;
/// Between two log lines of one loop about replies that differ.
inline constexpr Millis kMirrorLogPause{1'000};
/// A target that refused a connection is out of rotation for so long, times the ejections in a row.
inline constexpr Millis kEjectionStep{1'000};
inline constexpr Millis kMaxEjection{30'000};
/// Connections in a row that ended before a reply until their target is ejected: one may be the
/// fault of its request, several are not.
inline constexpr int kClosedToEject = 3;
/// A target whose par is not ready, or takes no probe, is out of rotation for so long: longer than
/// from one probe to the next, so that it does not come back between two that find it so.
inline constexpr Millis kNotReadyEjection{1'000};
/// Ejections count while at most this share of a leg is out; when more is, the fault is likely not
/// the targets', and those left would drown.
inline constexpr std::size_t kMaxEjectedPercent = 70;
/// A new target's share of a leg with others grows from kSlowStartPermille of its own to all of it
/// in this time; 0 = it has all at once.
inline constexpr Millis kSlowStartWindow{5'000};
inline constexpr std::uint32_t kSlowStartPermille = 100;
/// Targets one request is tried at until it has to wait or fails.
inline constexpr std::size_t kMaxTriedTargets = 4;
/// Tries of one idempotent request that the agent may have seen and did not answer: one that ends
/// each process that takes it must not end them all.
inline constexpr int kMaxLostTries = 2;

/// A target with requests is asked for /health this often, and has this long to answer.
inline constexpr Millis kProbeInterval{5'000};
inline constexpr Millis kProbeTimeout{2'000};
/// From one question to the next while a target is out or suspect.
inline constexpr Millis kSuspectProbeInterval{500};
/// Questions in a row without an answer that make a target unhealthy.
inline constexpr int kMaxProbeMisses = 2;
/// An edge that is itself so much late with a question forgets it.
inline constexpr Millis kMaxProbeDelay{500};
/// A target without a request for so long is not asked: asking would keep it awake.
inline constexpr Millis kProbeUsedWithin{10'000};
/// How exactly a target knows when it had its last request.
inline constexpr Millis kUsedResolution{1'000};
/// Questions under way at once; the others wait for their turn.
inline constexpr std::size_t kMaxProbesAtOnce = 64;

/// How long a request waits for a target. An instance that was killed is replaced in 2 to 4 seconds
/// (restart pause, boot with a prepared environment), and most clients give up after 15 to 60.
inline constexpr Millis kMaxParkingTime{10'000};
/// Requests that wait, of one app and in all, on one loop.
inline constexpr std::size_t kMaxParkedPerApp = 256;
inline constexpr std::size_t kMaxParkedPerLoop = 4'096;
/// How often the first request in line looks whether a target that failed takes it now.
inline constexpr Millis kParkedRetryInterval{250};

/// Headers that one explanation may be asked with.
inline constexpr std::size_t kMaxExplainedHeaders = 64;

}  // namespace pixell::edge
