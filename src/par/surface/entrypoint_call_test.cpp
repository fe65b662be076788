#include "par/surface/entrypoint_call.hpp"

#include <gtest/gtest.h>

namespace pixell::par {
namespace {

TEST(EntrypointArgument, IsTheObjectAsItCame) {
  EXPECT_EQ(entrypoint_argument("{\"action\": \"a\",\n \"data\": {\"z\":1,\"b\":2}}"),
            R"({"action":"a","data":{"z":1,"b":2}})");
}

TEST(EntrypointArgument, IsRefusedWithAReason) {
  EXPECT_EQ(entrypoint_argument("[1]").error(), "the body is not a JSON object");
  EXPECT_EQ(entrypoint_argument("{").error(), "the body is not JSON");
  EXPECT_EQ(entrypoint_argument("").error(), "the body is not JSON");
  EXPECT_EQ(entrypoint_argument(std::string(300, '[') + std::string(300, ']')).error(),
            "the body nests deeper than 128");
}

TEST(EntrypointAnswer, HasTheShapeOfTheDevelopmentServer) {
  EXPECT_EQ(entrypoint_result("[1]"), R"({"status":"success","data":[1]})");
  EXPECT_EQ(entrypoint_error("it \"broke\""), R"({"status":"error","error":"it \"broke\""})");
}

}  // namespace
}  // namespace pixell::par
