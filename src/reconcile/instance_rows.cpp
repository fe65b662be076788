#include "reconcile/instance_rows.hpp"

#include <algorithm>

namespace pixell::reconcile {

namespace {

int rank_of(model::InstancePhase phase) {
  switch (phase) {
    case model::InstancePhase::Starting:
      return 0;
    case model::InstancePhase::Ready:
      return 1;
    case model::InstancePhase::Draining:
      return 2;
    case model::InstancePhase::Stopped:
    case model::InstancePhase::Failed:
      return 3;
  }
  return 3;
}

}  // namespace

Result<void> InstanceRows::plan(const model::Instance& instance) {
  std::lock_guard lock(mutex_);
  return store_.put_instance(instance, token_);
}

Result<void> InstanceRows::observe(const model::Instance& seen) {
  std::lock_guard lock(mutex_);
  auto row = store_.instance(seen.id);
  if (!row && row.error().code == ErrorCode::NotFound) return {};
  if (!row) return std::move(row).error();
  if (rank_of(seen.phase) < rank_of(row->phase)) return {};
  model::Instance merged = seen;
  merged.restarts = std::max(seen.restarts, row->restarts);
  // An engine that does not say when it started something must not leave it looking unstarted.
  if (merged.started_at == 0) merged.started_at = std::max<UnixMillis>(row->started_at, 1);
  return store_.put_instance(merged, token_);
}

Result<void> InstanceRows::fail(const std::string& id, const model::Failure& failure,
                                UnixMillis now) {
  std::lock_guard lock(mutex_);
  auto row = store_.instance(id);
  if (!row && row.error().code == ErrorCode::NotFound) return {};
  if (!row) return std::move(row).error();
  if (rank_of(row->phase) == rank_of(model::InstancePhase::Failed)) return {};
  row->phase = model::InstancePhase::Failed;
  row->pid = 0;
  row->changed_at = now;
  if (!row->boot_report) row->boot_report = model::BootReport{};
  row->boot_report->ready = false;
  row->boot_report->failure = failure;
  return store_.put_instance(*row, token_);
}

Result<void> InstanceRows::remove(const std::string& id) {
  std::lock_guard lock(mutex_);
  return store_.remove_instance(id, token_);
}

}  // namespace pixell::reconcile
