#include "aws/sigv4.hpp"

#include <gtest/gtest.h>

#include <string>

namespace pixell::aws {
namespace {

constexpr UnixMillis kMay24 = 1'369'353'600'000;  // 2013-05-24T00:00:00Z

Credentials of_example() {
  return {.access_key = "AKIAIOSFODNN7EXAMPLE",
          .secret_key = Secret<std::string>("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
          .session_token = {}};
}

SigningScope for_s3() {
  return {.region = "us-east-1", .service = "s3", .time = kMay24, .is_s3 = true};
}

SignableRequest bucket_request(std::string path) {
  SignableRequest request;
  request.path = std::move(path);
  request.headers = {{"Host", "examplebucket.s3.amazonaws.com"}};
  request.payload_hash = payload_hash_of("");
  return request;
}

std::string header(const SignableRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.headers)
    if (key == name) return value;
  return {};
}

// The answers of https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html

TEST(Sigv4, SignsAGetWithARange) {
  SignableRequest request = bucket_request("/test.txt");
  request.headers.emplace_back("Range", "bytes=0-9");

  const Signature signature = sign(of_example(), for_s3(), request);

  EXPECT_EQ(signature.signature,
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  EXPECT_EQ(header(request, "Authorization"),
            "AWS4-HMAC-SHA256 "
            "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(Sigv4, SignsAnEncodedPathOfS3Once) {
  SignableRequest request = bucket_request("/test%24file.text");
  request.method = "PUT";
  request.headers.emplace_back("Date", "Fri, 24 May 2013 00:00:00 GMT");
  request.headers.emplace_back("x-amz-storage-class", "REDUCED_REDUNDANCY");
  request.payload_hash = payload_hash_of("Welcome to Amazon S3.");

  EXPECT_EQ(sign(of_example(), for_s3(), request).signature,
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST(Sigv4, SignsAQueryWithoutAndWithValues) {
  SignableRequest without = bucket_request("/");
  without.query = {{"lifecycle", ""}};
  SignableRequest with = bucket_request("/");
  with.query = {{"prefix", "J"}, {"max-keys", "2"}};

  EXPECT_EQ(sign(of_example(), for_s3(), without).signature,
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  EXPECT_EQ(sign(of_example(), for_s3(), with).signature,
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
TEST(Sigv4, PresignsAUrl) {
  SignableRequest request = bucket_request("/test.txt");
  request.payload_hash = kUnsignedPayload;

  const auto signature = presign(of_example(), for_s3(), std::chrono::seconds(86400), request);

  ASSERT_TRUE(signature);
  EXPECT_EQ(signature->signature,
            "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

TEST(Sigv4, RefusesToPresignForLongerThanAWeek) {
  SignableRequest request = bucket_request("/test.txt");

  const auto longer = presign(of_example(), for_s3(), std::chrono::hours(7 * 24 + 1), request);
  const auto none = presign(of_example(), for_s3(), std::chrono::seconds(0), request);

  ASSERT_FALSE(longer);
  EXPECT_EQ(longer.error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(none.error().code, ErrorCode::InvalidArgument);
}

TEST(Sigv4, CoversTheSessionTokenAndNotWhatProxiesChange) {
  Credentials credentials = of_example();
  credentials.session_token = Secret<std::string>("token");
  SignableRequest request = bucket_request("/a");
  request.headers.emplace_back("User-Agent", "pixell");
  request.headers.emplace_back("Expect", "100-continue");

  sign(credentials, for_s3(), request);

  EXPECT_EQ(header(request, "X-Amz-Security-Token"), "token");
  const std::string authorization = header(request, "Authorization");
  EXPECT_NE(authorization.find("x-amz-security-token"), std::string::npos);
  EXPECT_EQ(authorization.find("user-agent"), std::string::npos);
  EXPECT_EQ(authorization.find("expect"), std::string::npos);
}

TEST(Sigv4, NormalizesAndEncodesAgainThePathsOfOtherServices) {
  SignableRequest request = bucket_request("/a/./b/../c%20d//");
  SigningScope scope = for_s3();
  scope.service = "ecs";
  scope.is_s3 = false;

  const Signature signature = sign(of_example(), scope, request);

  EXPECT_TRUE(signature.canonical_request.starts_with("GET\n/a/c%2520d/\n"))
      << signature.canonical_request;
  EXPECT_EQ(header(request, "X-Amz-Content-Sha256"), "");
}

}  // namespace
}  // namespace pixell::aws
