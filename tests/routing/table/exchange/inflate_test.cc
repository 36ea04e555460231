#include "routing/table/exchange/inflate.h"

#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>

#include <string>

#include "gtest/gtest.h"
#include "io/error.h"
#include "io/random.h"

namespace grouter {
namespace {

std::string Deflate(std::string bytes) {
  std::string coded(bytes.size() + 4096, '\0');
  isal_zstream stream;
  isal_deflate_stateless_init(&stream);
  stream.next_in = reinterpret_cast<unsigned char*>(&bytes[0]);
  stream.avail_in = static_cast<uint32_t>(bytes.size());
  stream.next_out = reinterpret_cast<unsigned char*>(&coded[0]);
  stream.avail_out = static_cast<uint32_t>(coded.size());
  stream.end_of_stream = 1;
  stream.flush = NO_FLUSH;
  EXPECT_EQ(isal_deflate_stateless(&stream), COMP_OK);
  coded.resize(stream.total_out);
  return coded;
}

std::string Compressible(size_t size) {
  Random random(7);
  std::string bytes;
  while (bytes.size() < size) bytes.append(1 + random.Below(9), static_cast<char>('a' + random.Below(26)));
  bytes.resize(size);
  return bytes;
}

// Gives `coded` in pieces of `piece` bytes.
absl::StatusOr<uint32_t> Unpack(absl::string_view coded, size_t piece, uint64_t max_bytes, std::string* out) {
  return Inflate(
      [&]() -> absl::StatusOr<absl::string_view> {
        const absl::string_view next = coded.substr(0, piece);
        coded.remove_prefix(next.size());
        return next;
      },
      max_bytes,
      [&](absl::string_view bytes) {
        out->append(bytes.data(), bytes.size());
        return absl::OkStatus();
      });
}

TEST(Inflate, GivesBackTheBytesAndTheirCrcInAnyPieces) {
  for (size_t size : {0, 1, 1000, 3'000'000}) {
    const std::string bytes = Compressible(size);
    const std::string coded = Deflate(bytes);
    for (size_t piece : {1, 777, 1 << 20}) {
      if (piece == 1 && size > 1000) continue;
      std::string out;
      const auto crc = Unpack(coded, piece, size, &out);
      ASSERT_TRUE(crc.ok()) << crc.status();
      EXPECT_EQ(out, bytes);
      EXPECT_EQ(*crc, crc32_gzip_refl(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
    }
  }
}

TEST(Inflate, CutCodeIsDataLossAtEveryLength) {
  const std::string coded = Deflate(Compressible(400));
  for (size_t size = 0; size < coded.size(); ++size) {
    std::string out;
    EXPECT_EQ(Unpack(absl::string_view(coded).substr(0, size), 64, 400, &out).status().code(),
              absl::StatusCode::kDataLoss)
        << size;
  }
}

TEST(Inflate, MoreThanTheStatedBytesIsDataLoss) {
  std::string out;
  EXPECT_EQ(Unpack(Deflate(Compressible(5000)), 1 << 20, 4999, &out).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST(Inflate, AFailedWriteIsItsError) {
  const std::string coded = Deflate(Compressible(5000));
  bool given = false;
  const auto crc = Inflate(
      [&]() -> absl::StatusOr<absl::string_view> {
        if (given) return absl::string_view();
        given = true;
        return absl::string_view(coded);
      },
      5000, [](absl::string_view) { return absl::ResourceExhaustedError("full"); });
  EXPECT_EQ(crc.status().code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace grouter
