#include "par/surface/content_coding.hpp"

#include <gtest/gtest.h>

#include <array>
#include <ostream>
#include <string>

namespace pixell::par {

void PrintTo(ContentCoding coding, std::ostream* out) {
  *out << (coding == ContentCoding::Brotli ? "br"
           : coding == ContentCoding::Gzip ? "gzip"
                                           : "identity");
}

namespace {

constexpr auto kIdentity = ContentCoding::Identity;
constexpr auto kBrotli = ContentCoding::Brotli;
constexpr auto kGzip = ContentCoding::Gzip;
constexpr std::array kBoth = {kBrotli, kGzip};

struct CodingRow {
  const char* accept;
  ContentCoding of_both, of_gzip;
};

TEST(ContentCoding, IsTheOneThatTheClientLikesBest) {
  for (const CodingRow& row : {
           CodingRow{"gzip, deflate, br, zstd", kBrotli, kGzip},
           CodingRow{"gzip", kGzip, kGzip},
           CodingRow{"br", kBrotli, kIdentity},
           CodingRow{"GZip;Q=0.5", kGzip, kGzip},
           CodingRow{"x-gzip", kGzip, kGzip},
           CodingRow{"br;q=0.5, gzip;q=0.8", kGzip, kGzip},
           CodingRow{"br ; q=0.801 ,gzip ; q=0.8", kBrotli, kGzip},
           CodingRow{"br;q=0, gzip", kGzip, kGzip},
           CodingRow{"br;q=0.000, gzip;q=0", kIdentity, kIdentity},
           CodingRow{"*", kBrotli, kGzip},
           CodingRow{"br;q=0, *;q=0.1", kGzip, kGzip},
           CodingRow{"gzip;q=0, *", kBrotli, kIdentity},
           CodingRow{"gzip;q=0.5, identity", kIdentity, kIdentity},
           CodingRow{"gzip;q=0.5, identity;q=0.4", kGzip, kGzip},
           CodingRow{"gzip;q=0.5, *;q=0.6", kBrotli, kIdentity},
           CodingRow{"identity;q=0, gzip;q=0.1", kGzip, kGzip},
           CodingRow{"", kIdentity, kIdentity},
           CodingRow{"identity", kIdentity, kIdentity},
           CodingRow{"deflate", kIdentity, kIdentity},
           CodingRow{"identity;q=0", kIdentity, kIdentity},
           CodingRow{"*;q=0", kIdentity, kIdentity},
           CodingRow{",, gzip ,", kGzip, kGzip},
       }) {
    EXPECT_EQ(preferred_coding(row.accept, kBoth), row.of_both) << row.accept;
    EXPECT_EQ(preferred_coding(row.accept, std::array{kGzip}), row.of_gzip) << row.accept;
    EXPECT_EQ(preferred_coding(row.accept, {}), kIdentity) << row.accept;
  }
}

TEST(ContentCoding, IsNotChosenByAWeightThatIsNone) {
  for (const char* weight :
       {"q=", "q=2", "q=1.001", "q=0.1234", "q=.5", "q=-1", "q=0.x", "q", "x=1", "q=0.5;q=0.6"})
    EXPECT_EQ(preferred_coding(std::string("gzip;") + weight, kBoth), kIdentity) << weight;
}

}  // namespace
}  // namespace pixell::par
