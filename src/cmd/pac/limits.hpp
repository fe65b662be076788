#pragma once

#include <array>
#include <cstddef>

#include "base/clock.hpp"

namespace pixell::cmd {

// ------------------------------------------------------------------------------ the supervisor

/// Pause before a role that ended is started again: one after the other, then the last for ever;
/// anew after a run of kStableRoleRun. So one that always ends is started twice a second at most.
inline constexpr std::array kRoleBackoffs = {Millis(10), Millis(50), Millis(100), Millis(250),
                                             Millis(500)};
inline constexpr Millis kStableRoleRun{1'000};
/// How often each loop of a role tells that it lives, and after which silence the role is killed.
inline constexpr Millis kBeatPeriod{1'000};
inline constexpr Millis kBeatTimeout{10'000};
/// How long a role may take until it serves, before it is killed: control may have to check and
/// migrate a database.
inline constexpr Millis kRoleStartTimeout{120'000};
/// A supervisor that was itself held up for this long judges nobody by that time.
inline constexpr Millis kWatcherGap{3'000};
/// Bytes of a life line that are read at once.
inline constexpr std::size_t kLifeLineBytes = 4096;
/// How long a role may take to end before it is killed. The edge has its drain on top.
inline constexpr Millis kRoleStopTimeout{15'000};
inline constexpr Millis kEdgeStopMargin{5'000};
/// The same once a second signal asked to hurry.
inline constexpr Millis kHastyStopTimeout{1'000};
/// How long a killed role may take to go, which the kernel does at once.
inline constexpr Millis kKillTimeout{5'000};
/// The supervisor looks around this often even when nothing happens: less than kWatcherGap.
inline constexpr Millis kIdleTurn{1'000};
/// The same while it takes over from a former one.
inline constexpr Millis kTakeoverTurn{10};
/// How long a new edge may take until it serves, before a takeover is told to have failed.
inline constexpr Millis kTakeoverReadyTimeout{30'000};
/// How long a replaced edge lets running exchanges and streams go on; `pac upgrade --drain`.
inline constexpr Millis kUpgradeDrain{3'600'000};
inline constexpr Millis kMaxUpgradeDrain{7LL * 86'400'000};
/// How long a role may take to hand out the public sockets.
inline constexpr Millis kHandoverTimeout{1'000};
/// How long the new program may take to tell its version before it is used.
inline constexpr Millis kProgramCheckTimeout{10'000};
/// How long `pac upgrade` and `pac stop` wait, and how often they look.
inline constexpr Millis kUpgradeTimeout{180'000};
inline constexpr Millis kStopTimeout{90'000};
inline constexpr Millis kCommandPoll{20};
/// --stop-instances: what each agent is given to end, what all of them are, and how often to look.
inline constexpr Millis kInstanceGrace{10'000};
inline constexpr Millis kInstanceStopTimeout{25'000};
inline constexpr Millis kInstancePoll{50};
/// How long to wait for the lock of a state directory that another `pac serve` uses.
inline constexpr int kServeLockTimeoutMs = 500;
/// How long the edge of a killed `pac serve` may keep a port, and how often to look.
inline constexpr Millis kFormerEdgeTimeout{3'000};
inline constexpr Millis kFormerEdgePoll{20};
inline constexpr std::size_t kMaxListeners = 16;

// ------------------------------------------------------------------------------------- control

/// Each edge holds one thread with its long-poll, and those who watch or follow hold
/// api::kMaxWaiting at most; the rest answer requests.
inline constexpr std::size_t kApiThreads = 64;
/// A former control process that was told to stop may still be ending.
inline constexpr int kControlLockTimeoutMs = 15'000;
/// How long API requests may take to end after SIGTERM; less than kRoleStopTimeout.
inline constexpr Millis kApiDrainTimeout{10'000};
/// An edge that did not poll for this long is gone: longer than the longest long-poll.
inline constexpr Millis kEdgeLife{30'000};
/// Edges remembered at most; ids are chosen by the edges themselves.
inline constexpr std::size_t kMaxEdges = 1'000;
/// How much longer than its long-poll the edge waits for control's answer.
inline constexpr Millis kRoutePullMargin{5'000};

/// How long an edge tries to reach a control of another machine before it tries anew.
inline constexpr Millis kControlConnectTimeout{2'000};
/// How long a control that started anew waits for the edges of other machines before it takes those
/// that have asked it for all there are: longer than such an edge pauses, looks up the name and
/// connects.
inline constexpr Millis kEdgeReturn{10'000};
/// Threads of the listener for edges: each edge holds one with its long-poll.
inline constexpr std::size_t kEdgeListenThreads = 64;
/// Characters of an edge's id, and of those how many its host's name may give when none is chosen.
inline constexpr std::size_t kMaxEdgeIdChars = 64;
inline constexpr std::size_t kMaxEdgeHostChars = 40;
/// How long the edge waits until control took its measurements.
inline constexpr Millis kTrafficSendTimeout{3'000};
/// How long measurements are remembered, in samples of which span, and how often older ones go.
inline constexpr Millis kTrafficKept{3'600'000};
inline constexpr Millis kTrafficSampleSpan{1'000};
inline constexpr Millis kTrafficDropPeriod{60'000};
/// Samples remembered at most, 160 bytes each, over all revisions; more = the oldest go earlier.
inline constexpr std::size_t kMaxTrafficSamples = 400'000;
/// Counters remembered at most, over all edges and revisions.
inline constexpr std::size_t kMaxTrafficSeries = 20'000;

// -------------------------------------------------------------------------------------- backups

/// Entries of one backup, and the bytes of its manifest.
inline constexpr std::size_t kMaxBackupEntries = 100'000;
inline constexpr std::size_t kMaxBackupManifestBytes = std::size_t{32} << 20;
/// How often a backup starts anew because a package was deleted meanwhile.
inline constexpr int kBackupTries = 3;

// -------------------------------------------------------------------------- the user's commands

/// How long each long-poll of `pac … --wait` and `--watch` waits for an event; after it they look
/// again, so that times on a terminal go on.
inline constexpr Millis kWatchPatience{2'000};
/// The same of `pac events --follow`, which only waits for events.
inline constexpr Millis kFollowPatience{20'000};
/// How much longer than its long-poll a watch waits for the answer.
inline constexpr Millis kWatchMargin{10'000};
/// Pause before the control plane is asked again while it is away, and how long in one go.
inline constexpr Millis kAwayPause{200};
inline constexpr Millis kFollowAway{30'000};
/// How much longer than a deployment's own deadline --wait waits for its end.
inline constexpr Millis kFollowMargin{60'000};
/// How long a log or a watch may be followed in one answer.
inline constexpr Millis kStreamTimeout{30LL * 86'400'000};
/// How long the upload of a package may take.
inline constexpr Millis kUploadTimeout{600'000};
/// The largest package file that is uploaded; a larger one is deployed by its https:// address.
inline constexpr std::size_t kMaxUploadBytes = 1024ULL * 1024 * 1024;
/// How long `pac doctor` waits for each thing it asks.
inline constexpr Millis kDoctorTimeout{5'000};
/// Bytes shown of an answer that cannot be read.
inline constexpr std::size_t kShownAnswerBytes = 300;
/// A log line longer than this is shown in pieces.
inline constexpr std::size_t kMaxShownLineBytes = 1024 * 1024;
/// Lines of one moment that following a log remembers, to show none twice after an interruption.
inline constexpr std::size_t kMaxRememberedLines = 10'000;
/// Items of one list that are read at most, and of a page.
inline constexpr std::size_t kMaxListed = 100'000;
inline constexpr std::size_t kPageItems = 1'000;
/// Deployments shown when the user does not say how many.
inline constexpr std::size_t kShownDeployments = 20;
/// Of the log of an instance that failed: bytes read and lines shown.
inline constexpr std::size_t kLogTailBytes = 16 * 1024;
inline constexpr std::size_t kLogTailLines = 10;
/// Characters of an instance's id that tables show: the last ones, which are its random part.
inline constexpr std::size_t kShortInstanceId = 8;
/// How long `pac aws orphans --remove` goes on at most, longer than tasks may take to end
/// (engine::ecs::kDrainDeadline), and the pause before it asks AWS again.
inline constexpr Millis kOrphanTimeout{900'000};
inline constexpr Millis kOrphanPause{3'000};
/// Bytes of an --env-file.
inline constexpr std::size_t kMaxEnvFileBytes = 1024 * 1024;

/// The copies of packages in S3: the pause between two looks, which doubles up to the second value
/// while they fail; how often files are looked for although nothing changed.
inline constexpr Millis kMirrorPause{2'000};
inline constexpr Millis kMaxMirrorPause{300'000};
inline constexpr Millis kMirrorLook{60'000};
/// Load balancers that follow the routes: when what they could not do is tried again, and how often
/// they are looked at although nothing changed.
inline constexpr Millis kTrafficRetry{2'000};
inline constexpr Millis kTrafficLook{60'000};
/// Bytes of an org or a version in the key of such a copy (S3 allows 1,024 for the whole key).
inline constexpr std::size_t kMaxMirrorKeyPart = 128;

}  // namespace pixell::cmd
