#pragma once

#include <cstddef>

#include "base/clock.hpp"

namespace pixell::reconcile {

/// How long an old instance waits for an edge that says nothing about a new route.
inline constexpr Millis kSilentEdgeWait{10'000};

/// Restart of a revision whose instance died: at once the first time, then 1 s, 2 s, 4 s … to the
/// cap. An instance that ran longer than kStableRun starts the count anew.
inline constexpr Millis kRestartBackoff{1'000};
inline constexpr Millis kMaxRestartBackoff{60'000};
inline constexpr Millis kStableRun{60'000};

/// How often a revision on trial is started anew before it had traffic, when its instance was ended
/// from outside (a machine that went down, a kill): nothing speaks against the revision then.
inline constexpr int kTrialRestarts = 3;
/// While a stage is measured its numbers are looked at this often.
inline constexpr Millis kHealthLook{1'000};

/// A pass that failed is tried again after this, doubled each time up to the cap.
inline constexpr Millis kPassBackoff{50};
inline constexpr Millis kMaxPassBackoff{15'000};

/// A pass that would do just what the one before did waits this long for the effect to show.
inline constexpr Millis kSameStepsPause{200};
/// An import that could not be recorded is tried again after this.
inline constexpr Millis kImportRetry{1'000};

/// Every app is looked at this often, whatever was or was not announced.
inline constexpr Millis kResyncEvery{30'000};

/// One wait for a change of store or engine; only a bound, a change ends it at once.
inline constexpr Millis kChangeWait{10'000};
/// Pause before an engine or a store that does not answer is asked again.
inline constexpr Millis kEngineRetry{200};

/// The reconciler's lease and how often it is renewed.
inline constexpr Millis kLeaseLife{15'000};
inline constexpr Millis kLeaseRenewal{5'000};

/// Passes and imports that run at once.
inline constexpr std::size_t kPassThreads = 4;
inline constexpr std::size_t kImportThreads = 4;

/// Deployments looked through for the one that made a revision.
inline constexpr std::size_t kSearchedDeployments = 200;

/// Events read in one go.
inline constexpr std::size_t kEventBatch = 1'000;

}  // namespace pixell::reconcile
