#include "base/prometheus_text.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace pixell {
namespace {

TEST(PrometheusText, EscapesHelpAndLabels) {
  PrometheusText text;
  text.family("x", "gauge", "a \\ \"b\"\nc");
  text.sample({{"l", "a \\ \"b\"\nc"}}, 1.0);

  EXPECT_EQ(text.take(),
            "# HELP x a \\\\ \"b\"\\nc\n# TYPE x gauge\nx{l=\"a \\\\ \\\"b\\\"\\nc\"} 1\n");
}

TEST(PrometheusText, WritesWhatIsNoNumber) {
  PrometheusText text;
  text.sample({}, std::numeric_limits<double>::infinity());
  text.sample({}, std::numeric_limits<double>::quiet_NaN());

  EXPECT_EQ(text.take(), " +Inf\n NaN\n");
}

}  // namespace
}  // namespace pixell
