#include "api/multipart.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace pixell::api {
namespace {

struct Part {
  std::string name, filename, bytes;
};

Result<std::vector<Part>> parse(std::string_view body, std::size_t piece) {
  std::vector<Part> parts;
  MultipartParser parser("xyz", {.on_part = [&](const PartHead& head) -> Result<void> {
                                   parts.push_back({head.name, head.filename, ""});
                                   return {};
                                 },
                                 .on_bytes = [&](std::string_view bytes) -> Result<void> {
                                   parts.back().bytes += bytes;
                                   return {};
                                 }});
  for (; !body.empty(); body.remove_prefix(std::min(piece, body.size())))
    TRY_VOID(parser.feed(body.substr(0, piece)));
  TRY_VOID(parser.finish());
  return parts;
}

const std::string kBody =
    "--xyz\r\nContent-Disposition: form-data; name=\"version\"\r\n\r\n1.2.3\r\n"
    "--xyz\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n"
    "--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a;\\\"b.apkg\"\r\n"
    "Content-Type: application/octet-stream\r\n\r\nPK\r\n--xy\r\n-\r\n--xyz--\r\nepilogue";

TEST(Multipart, ReadsThePartsWhateverTheSizeOfThePieces) {
  for (std::size_t piece = 1; piece <= kBody.size(); ++piece) {
    const auto parts = parse(kBody, piece);

    ASSERT_TRUE(parts) << piece << ": " << parts.error().message;
    ASSERT_EQ(parts->size(), 3u) << piece;
    EXPECT_EQ(parts->at(0).bytes, "1.2.3");
    EXPECT_EQ(parts->at(1).bytes, "");
    EXPECT_EQ(parts->at(2).bytes, "PK\r\n--xy\r\n-");
    EXPECT_EQ(parts->at(2).filename, "a;\"b.apkg");
  }
}

TEST(Multipart, RefusesABodyThatEndsEarly) {
  const std::string cut = kBody.substr(0, kBody.find("--xyz--"));
  const auto parts = parse(cut, 7);

  ASSERT_FALSE(parts);
  EXPECT_EQ(parts.error().code, ErrorCode::InvalidArgument);
}

TEST(Multipart, RefusesAPartWithoutANameAndTooManyParts) {
  EXPECT_FALSE(parse("--xyz\r\nContent-Type: text/plain\r\n\r\nx\r\n--xyz--", 100));
  std::string many;
  for (int i = 0; i < 40; ++i)
    many += "--xyz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n";
  const auto parts = parse(many + "--xyz--", 100);
  ASSERT_FALSE(parts);
  EXPECT_EQ(parts.error().code, ErrorCode::ResourceExhausted);
}

TEST(Multipart, FindsTheBoundary) {
  EXPECT_EQ(*multipart_boundary("multipart/form-data; boundary=abc"), "abc");
  EXPECT_EQ(*multipart_boundary("Multipart/Form-Data; charset=utf-8; boundary=\"a b\""), "a b");
  EXPECT_FALSE(multipart_boundary("application/json"));
  EXPECT_FALSE(multipart_boundary("multipart/form-data"));
}

}  // namespace
}  // namespace pixell::api
