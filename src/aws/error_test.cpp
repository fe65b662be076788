#include "aws/error.hpp"

#include <gtest/gtest.h>

#include "aws/times.hpp"
#include "aws/xml.hpp"
#include "net/client/http_fetch.hpp"

namespace pixell::aws {
namespace {

AwsError refusal(int status, std::string body,
                 std::vector<std::pair<std::string, std::string>> headers = {}) {
  return read_refusal({.status = status, .headers = std::move(headers), .body = std::move(body)},
                      "x Call");
}

TEST(AwsError, ReadsEveryFormOfRefusal) {
  const AwsError json =
      refusal(400, R"({"__type":"com.amazonaws.ecs#ClientException","message":"no"})",
              {{"x-amzn-requestid", "J"}});
  const AwsError header =
      refusal(400, R"({"Message":"no"})", {{"x-amzn-errortype", "InvalidInput:http://x/"}});
  const AwsError s3 =
      refusal(404,
              "<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message>m</Message>"
              "<RequestId>S</RequestId></Error>");
  const AwsError query = refusal(
      400,
      "<ErrorResponse xmlns=\"http://x/\"><Error><Type>Sender</Type><Code>RuleNotFound</Code>"
      "<Message>m</Message></Error><RequestId>Q</RequestId></ErrorResponse>");
  const AwsError ec2 =
      refusal(400,
              "<Response><Errors><Error><Code>InvalidVpcID.NotFound</Code><Message>m</Message>"
              "</Error></Errors><RequestID>E</RequestID></Response>");

  EXPECT_EQ(json.name + json.message + json.request_id, "ClientExceptionnoJ");
  EXPECT_EQ(header.name + header.message, "InvalidInputno");
  EXPECT_EQ(s3.name + s3.request_id, "NoSuchKeyS");
  EXPECT_EQ(query.name + query.request_id, "RuleNotFoundQ");
  EXPECT_EQ(ec2.name + ec2.request_id, "InvalidVpcID.NotFoundE");
}

TEST(AwsError, HasACanonicalCode) {
  EXPECT_EQ(refusal(404, "").code, ErrorCode::NotFound);
  EXPECT_EQ(refusal(400, R"({"__type":"ClusterNotFoundException"})").code, ErrorCode::NotFound);
  EXPECT_EQ(refusal(403, "").code, ErrorCode::PermissionDenied);
  EXPECT_EQ(refusal(400, R"({"__type":"AccessDeniedException"})").code,
            ErrorCode::PermissionDenied);
  EXPECT_EQ(refusal(400, R"({"__type":"ResourceAlreadyExistsException"})").code,
            ErrorCode::AlreadyExists);
  EXPECT_EQ(refusal(400, R"({"__type":"ExpiredTokenException"})").code, ErrorCode::Unauthenticated);
  EXPECT_EQ(refusal(400, R"({"__type":"ThrottlingException"})").code, ErrorCode::ResourceExhausted);
  EXPECT_EQ(refusal(400, R"({"__type":"LimitExceededException"})").code,
            ErrorCode::ResourceExhausted);
  EXPECT_EQ(refusal(412, "").code, ErrorCode::FailedPrecondition);
  EXPECT_EQ(refusal(409, "").code, ErrorCode::Aborted);
  EXPECT_EQ(refusal(416, "").code, ErrorCode::OutOfRange);
  EXPECT_EQ(refusal(500, "").code, ErrorCode::Unavailable);
  EXPECT_EQ(refusal(400, "").code, ErrorCode::InvalidArgument);
}

TEST(AwsError, SaysWhatTryingAgainNeeds) {
  EXPECT_EQ(refusal(503, "<Error><Code>SlowDown</Code></Error>").remedy, Remedy::WaitLonger);
  EXPECT_EQ(refusal(429, "").remedy, Remedy::WaitLonger);
  EXPECT_EQ(refusal(502, "").remedy, Remedy::Wait);
  EXPECT_EQ(refusal(400, "<Error><Code>RequestTimeout</Code></Error>").remedy, Remedy::Wait);
  EXPECT_EQ(refusal(400, R"({"__type":"LimitExceededException"})").remedy, Remedy::None);
  EXPECT_EQ(refusal(403,
                    "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code>"
                    "<Message>Signature expired: now earlier</Message></Error>"
                    "</ErrorResponse>")
                .remedy,
            Remedy::CorrectClock);
  const AwsError moved = refusal(301, "<Error><Code>PermanentRedirect</Code></Error>",
                                 {{"x-amz-bucket-region", "eu-west-1"}});
  EXPECT_EQ(moved.remedy, Remedy::OtherRegion);
  EXPECT_EQ(moved.region, "eu-west-1");
}

TEST(Xml, ReadsElementsWithoutNamespaces) {
  const auto root = parse_xml("<a:R xmlns:a='x'>\n <k>1 &lt; 2</k><k/>\n</a:R>");

  ASSERT_TRUE(root);
  EXPECT_EQ(root->name, "R");
  EXPECT_EQ(root->text, "");
  EXPECT_EQ(root->children.size(), 2U);
  EXPECT_EQ(root->text_of("k"), "1 < 2");
  EXPECT_EQ(root->child("none"), nullptr);
}

TEST(Xml, RefusesWhatIsBrokenDeepOrBringsADtd) {
  std::string deep;
  for (int each = 0; each < 100; ++each) deep += "<a>";
  const char* bomb = "<!DOCTYPE a [<!ENTITY b 'bb'>]><a>&b;</a>";

  EXPECT_EQ(parse_xml("").error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(parse_xml("<a><b></a>").error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(parse_xml(deep).error().code, ErrorCode::ResourceExhausted);
  EXPECT_EQ(parse_xml(bomb).error().message, "the XML brings a DTD");
}

TEST(Times, ReadsDatesOfHttpAndOfServices) {
  EXPECT_EQ(parse_http_date("Wed, 21 Oct 2015 07:28:00 GMT"), 1'445'412'480'000);
  EXPECT_EQ(parse_iso_time("2015-10-21T07:28:00Z"), 1'445'412'480'000);
  EXPECT_EQ(parse_iso_time("2015-10-21T07:28:00.123Z"), 1'445'412'480'000);
  for (const char* text : {"", "Wed, 21 Foo 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:00",
                           "Wed, 21 Oct 2015 99:28:00 GMT"})
    EXPECT_FALSE(parse_http_date(text)) << text;
  for (const char* text : {"", "2015-10-21", "2015-13-21T07:28:00Z", "2015-10-21T07:28:00+01:00"})
    EXPECT_FALSE(parse_iso_time(text)) << text;
}

}  // namespace
}  // namespace pixell::aws
