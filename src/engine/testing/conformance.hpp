#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "engine/engine.hpp"

namespace pixell::engine {

/// An engine with what the conformance tests need around it. conformance_*test.cpp have the tests;
/// a backend's own test file instantiates EngineConformanceTest with a row that makes one of these.
class EngineUnderTest {
 public:
  virtual ~EngineUnderTest() = default;
  virtual Engine& engine() = 0;
  /// A spec whose instance becomes ready, may be drained at once, and has the given id.
  virtual InstanceSpec good_spec(const std::string& id) = 0;
  /// A spec whose instance fails in its boot with a boot report that names a cause.
  virtual InstanceSpec failing_spec(const std::string& id) = 0;
  /// As good_spec(), but its instance never ends by being asked to.
  virtual InstanceSpec hung_spec(const std::string& id) = 0;
  /// Ends the instance from outside, by SIGKILL.
  virtual void kill(const std::string& id) = 0;
  /// Lets an ensure() of a good spec do its work but its reply get lost; what the caller sees.
  virtual Result<model::Instance> ensure_without_reply(InstanceSpec spec) = 0;
};

struct ConformingBackend {
  std::string name;
  std::function<std::unique_ptr<EngineUnderTest>()> make;
  std::string missing{};  ///< what it needs and this run was not given: its tests are skipped
};
inline void PrintTo(const ConformingBackend& backend, std::ostream* out) { *out << backend.name; }

class EngineConformanceTest : public ::testing::TestWithParam<ConformingBackend> {
 protected:
  void SetUp() override {
    if (!GetParam().missing.empty()) GTEST_SKIP() << GetParam().missing;
    under_test_ = GetParam().make();
    ASSERT_NE(under_test_, nullptr);
  }
  Engine& engine() { return under_test_->engine(); }

  /// Waits until the instance has the phase, by the engine's own change signal. On the way each
  /// phase seen must come after the one before.
  model::Instance wait_for(const std::string& id, model::InstancePhase phase);
  /// Starts an instance and waits until it is ready.
  model::Instance start_ready(const InstanceSpec& spec);
  static std::string new_id();

  std::unique_ptr<EngineUnderTest> under_test_;
};

}  // namespace pixell::engine
