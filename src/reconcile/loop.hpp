#pragma once

#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "engine/engine.hpp"
#include "reconcile/edge_acks.hpp"
#include "reconcile/edge_signals.hpp"
#include "reconcile/executor.hpp"
#include "reconcile/limits.hpp"
#include "reconcile/package_importer.hpp"
#include "store/store.hpp"

namespace pixell::reconcile {

struct ReconcilerOptions {
  InstanceOptions instances;
  std::string holder;  ///< who holds the lease; empty = a new ULID
  /// True for a caller that knows that no other process reconciles this store (it holds a lock).
  bool takes_lease_over = false;
  std::size_t pass_threads = kPassThreads;
  std::size_t import_threads = kImportThreads;
};

/// What a reconciler works with; references outlive it.
struct ReconcilerParts {
  store::Store& store;
  engine::Engine& engine;
  PackageImporter& importer;
  EdgeAcks& edges;
  EdgeSignals& signals;
  const Clock& clock;
  Log log;
};

/// Makes observed equal desired, for every app of the store. Passes of one app never overlap;
/// imports run beside them. Wakes when the store or the engine changes, when a deadline or back-off
/// is due, and every kResyncEvery.
///
///   store change ──┐
///   engine change ─┼─▶ app is due ─▶ pass: view → plan → steps ─▶ due again while steps were done
///   wake(), time ──┘                   └ error: back-off ┘
class Reconciler {
 public:
  Reconciler(const ReconcilerParts& parts, ReconcilerOptions options);
  Reconciler(const Reconciler&) = delete;
  Reconciler& operator=(const Reconciler&) = delete;
  /// Same as stop().
  ~Reconciler();

  /// Takes the lease, closes steps an earlier process left open, and starts. FailedPrecondition
  /// while another holds the lease.
  Result<void> start();

  /// Tells that an edge has applied routes: apps that wait for it are planned again. From any
  /// thread, also before start().
  void wake();

  /// Lets running steps end and joins all threads; instances keep running. Not from a thread of
  /// this reconciler. Again, or without start(), it has no effect.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pixell::reconcile
