#include "engine/docker/instance_view.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "engine/docker/container_request.hpp"

namespace pixell::engine::docker {
namespace {

using model::Cause;
using model::InstancePhase;

ContainerFacts running() {
  return {.id = "c",
          .name = "pixell-01ID",
          .state = "running",
          .labels = {{kInstanceLabel, "01ID"},
                     {kAppLabel, "demo"},
                     {kRevisionLabel, "3"},
                     {kMemoryLabel, "256"}},
          .pid = 4711,
          .error = {},
          .created_at = 90,
          .started_at = 100,
          .address = "10.1.2.3:8080",
          .health_output = {}};
}

ContainerFacts ended(int code) {
  ContainerFacts facts = running();
  facts.state = "exited";
  facts.pid = 0;
  facts.address.clear();
  facts.exit_code = code;
  facts.finished_at = 200;
  return facts;
}

ParRecords in_phase(const char* phase, bool is_ready) {
  return {.state = ParState{.phase = phase, .ready = is_ready, .restarts = 2},
          .boot_report = {},
          .exit = {}};
}

Cause cause_of(const model::Instance& instance) {
  return instance.boot_report && instance.boot_report->failure
             ? instance.boot_report->failure->cause
             : Cause::Internal;
}

TEST(InstanceView, ShowsWhereParIs) {
  EXPECT_EQ(view_instance(running(), {}, {}).phase, InstancePhase::Starting);
  const auto starting = view_instance(running(), in_phase("fetch", false), {});
  EXPECT_EQ(starting.phase, InstancePhase::Starting);
  EXPECT_EQ(starting.boot_phase, "fetch");
  const auto ready = view_instance(running(), in_phase("ready", true), {});
  EXPECT_EQ(ready.phase, InstancePhase::Ready);
  EXPECT_EQ(ready.id, "01ID");
  EXPECT_EQ(ready.app_id, "demo");
  EXPECT_EQ(ready.revision, 3);
  EXPECT_EQ(ready.address, "10.1.2.3:8080");
  EXPECT_EQ(ready.pid, 4711);
  EXPECT_EQ(ready.restarts, 2);
  EXPECT_EQ(ready.started_at, 100);
  EXPECT_EQ(view_instance(running(), in_phase("draining", false), {}).phase,
            InstancePhase::Draining);
}

TEST(InstanceView, DrainsFromTheMomentAStopIsAsked) {
  const EngineRecords stopping{.stop = StopRecord{.requested_at = 150, .deadline = 900},
                               .forced = {}};

  const auto seen = view_instance(running(), in_phase("ready", true), stopping);

  EXPECT_EQ(seen.phase, InstancePhase::Draining);
  EXPECT_EQ(seen.changed_at, 150);
  EXPECT_EQ(view_instance(ended(137), {}, stopping).phase, InstancePhase::Stopped);
  EXPECT_EQ(view_instance(ended(137), {}, stopping).exit_signal, SIGKILL);
}

TEST(InstanceView, HasNotStartedWhenItWasOnlyMade) {
  ContainerFacts made = running();
  made.state = "created";

  const auto seen = view_instance(made, {}, {});

  EXPECT_EQ(seen.phase, InstancePhase::Starting);
  EXPECT_EQ(seen.started_at, 0);
}

TEST(InstanceView, TellsTheCauseThatParRecorded) {
  ParRecords par = in_phase("failed", false);
  par.exit = ExitRecord{.code = 13, .failure = model::make_failure(Cause::MissingModule, "x")};

  const auto seen = view_instance(ended(13), par, {});

  EXPECT_EQ(seen.phase, InstancePhase::Failed);
  EXPECT_EQ(seen.exit_code, 13);
  EXPECT_EQ(seen.exit_signal, 0);
  EXPECT_EQ(cause_of(seen), Cause::MissingModule);
  EXPECT_FALSE(needs_evidence(ended(13), par, {}));
}

TEST(InstanceView, MakesACauseWhenParLeftNone) {
  ContainerFacts oom = ended(137);
  oom.ran_out_of_memory = true;

  EXPECT_EQ(cause_of(view_instance(ended(137), {}, {})), Cause::Signalled);
  EXPECT_EQ(cause_of(view_instance(ended(42), {}, {}, {"it broke"})), Cause::Exited);
  EXPECT_EQ(cause_of(view_instance(oom, {}, {})), Cause::OutOfMemory);
  EXPECT_EQ(cause_of(view_instance(ended(1), {}, {}, {"exec /x: exec format error"})),
            Cause::WrongArchitecture);
  EXPECT_TRUE(needs_evidence(ended(42), {}, {}));
  EXPECT_THAT(view_instance(ended(42), {}, {}, {"it broke"}).boot_report->failure->evidence,
              ::testing::ElementsAre("it broke"));
}

TEST(InstanceView, TellsWhyTheEngineEndedIt) {
  const EngineRecords forced{.stop = {},
                             .forced = model::make_failure(Cause::Unresponsive, "silent")};

  EXPECT_EQ(cause_of(view_instance(ended(137), {}, forced)), Cause::Unresponsive);
}

TEST(InstanceView, StopsWithoutAFailureWhenParEndedByItself) {
  const auto seen = view_instance(ended(0), in_phase("stopped", false), {});

  EXPECT_EQ(seen.phase, InstancePhase::Stopped);
  EXPECT_EQ(seen.changed_at, 200);
  EXPECT_FALSE(seen.boot_report);
}

}  // namespace
}  // namespace pixell::engine::docker
