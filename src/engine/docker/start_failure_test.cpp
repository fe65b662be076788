#include "engine/docker/start_failure.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/docker/docker_api.hpp"

namespace pixell::engine::docker {
namespace {

using model::Cause;

// Messages of Docker 20.10 and 28.
struct Row {
  const char* message;
  Cause cause;
};

TEST(StartFailure, KnowsWhatAnOperatorCanPutRight) {
  for (const Row& row : {
           Row{"driver failed programming external connectivity on endpoint x: Bind for "
               "127.0.0.1:20000 failed: port is already allocated",
               Cause::PortNotBound},
           Row{"driver failed programming external connectivity on endpoint x: listen tcp4 "
               "127.0.0.1:20000: bind: address already in use",
               Cause::PortNotBound},
           Row{"mkdir /data/overlay2/ab: no space left on device", Cause::DiskFull},
           Row{"failed to create shim task: exec /usr/bin/par: exec format error: unknown",
               Cause::WrongArchitecture},
           Row{"No such image: sha256:12", Cause::ImageNotFound},
           Row{"could not find an available, non-overlapping IPv4 address pool among the defaults "
               "to assign to the network",
               Cause::EngineFailed},
       }) {
    const auto failure =
        start_failure(refusal(500, std::string(R"({"message":")") + row.message + "\"}"));
    ASSERT_TRUE(failure) << row.message;
    EXPECT_EQ(failure->cause, row.cause) << row.message;
    EXPECT_THAT(failure->evidence, ::testing::ElementsAre(std::string("Docker: ") + row.message));
    EXPECT_FALSE(failure->remedy.empty());
  }
}

TEST(StartFailure, LeavesEverythingElseToTheError) {
  EXPECT_FALSE(start_failure(make_error(ErrorCode::Internal, "Docker: something else")));
}

TEST(StartFailure, NamesTheImage) {
  EXPECT_EQ(image_missing("pixell/par:1").cause, Cause::ImageNotFound);
  EXPECT_THAT(image_missing("pixell/par:1").message, ::testing::HasSubstr("pixell/par:1"));
  const auto other = image_for_other_processor("pixell/par:1", "arm64", "amd64");
  EXPECT_EQ(other.cause, Cause::WrongArchitecture);
  EXPECT_THAT(other.message, ::testing::HasSubstr("arm64"));
}

}  // namespace
}  // namespace pixell::engine::docker
