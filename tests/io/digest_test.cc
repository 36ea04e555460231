#include "io/digest.h"

#include <gtest/gtest.h>

#include <string>

#include "io/random.h"

namespace grouter {
namespace {

TEST(Sha256, MatchesPublishedVectors) {
  EXPECT_EQ(Sha256("abc").Hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256("").Hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256("abc").ShortHex(), "ba7816bf8f01");
}

TEST(Sha256Stream, AnyPiecesGiveTheDigestOfTheWhole) {
  Random random(3);
  std::string bytes(10'000, '\0');
  for (char& c : bytes) c = static_cast<char>(random.Next());
  for (int round = 0; round < 20; ++round) {
    Sha256Stream stream;
    for (size_t at = 0; at < bytes.size();) {
      const size_t piece = std::min<size_t>(random.Below(3000), bytes.size() - at);
      stream.Update(bytes.data() + at, piece);
      at += piece;
    }
    EXPECT_EQ(stream.Finish(), Sha256(bytes));
  }
}

TEST(Digest, HexReadsBackInBothCases) {
  const Digest digest = Sha256("x");
  std::string upper = digest.Hex();
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  EXPECT_EQ(*Digest::FromHex(digest.Hex()), digest);
  EXPECT_EQ(*Digest::FromHex(upper), digest);
  EXPECT_FALSE(digest.IsZero());
  EXPECT_TRUE(Digest().IsZero());
}

TEST(Digest, RefusesWhatIsNotADigest) {
  const std::string good = Sha256("x").Hex();
  for (const std::string& bad :
       {std::string(), good.substr(1), good + "0", good.substr(1) + "g", good.substr(1) + " "}) {
    EXPECT_EQ(Digest::FromHex(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(Crc32c, MatchesTheRfcAndContinuesAcrossPieces) {
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8A9136AAu);  // RFC 3720, B.4
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62A8AB43u);
  const std::string text = "the quick brown fox";
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    EXPECT_EQ(Crc32c(text.data() + cut, text.size() - cut, Crc32c(text.data(), cut)), Crc32c(text));
  }
}

}  // namespace
}  // namespace grouter
