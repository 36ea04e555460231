#include "io/coding.h"

#include <gtest/gtest.h>

namespace grouter {
namespace {

TEST(ByteWriter, WritesLittleEndianWithoutPadding) {
  ByteWriter writer;
  writer.Put<uint8_t>(1);
  writer.Put<uint32_t>(0x01020304);
  writer.PutString("ab");
  EXPECT_EQ(writer.Take(), std::string("\x01\x04\x03\x02\x01\x02\0\0\0ab", 11));
}

TEST(ByteReader, ReadsBackWhatWasWritten) {
  ByteWriter writer;
  writer.Put<int64_t>(-5);
  writer.Put<double>(0.25);
  writer.PutString("name");
  writer.PutDigest(Sha256("x"));
  writer.PutArray<uint16_t>({1, 2, 65535});
  writer.PutArray<uint64_t>({});
  ByteReader reader(writer.bytes());
  EXPECT_EQ(reader.Get<int64_t>(), -5);
  EXPECT_EQ(reader.Get<double>(), 0.25);
  EXPECT_EQ(reader.GetString(), "name");
  EXPECT_EQ(reader.GetDigest(), Sha256("x"));
  EXPECT_EQ(reader.GetArray<uint16_t>(), (std::vector<uint16_t>{1, 2, 65535}));
  EXPECT_TRUE(reader.GetArray<uint64_t>().empty());
  EXPECT_TRUE(reader.AtEnd());
}

TEST(ByteReader, AnyCutIsNoticedAndReadsNothingMore) {
  ByteWriter writer;
  writer.Put<uint32_t>(7);
  writer.PutArray<uint32_t>({1, 2, 3});
  writer.PutString("tail");
  const std::string bytes = writer.Take();
  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    ByteReader reader(absl::string_view(bytes).substr(0, cut));
    reader.Get<uint32_t>();
    reader.GetArray<uint32_t>();
    reader.GetString();
    EXPECT_FALSE(reader.ok()) << cut;
    EXPECT_FALSE(reader.AtEnd());
    EXPECT_EQ(reader.Get<uint64_t>(), 0u);
    EXPECT_EQ(reader.remaining(), 0u);
  }
}

TEST(ByteReader, AnAbsurdCountAllocatesNothing) {
  ByteWriter writer;
  writer.Put<uint64_t>(UINT64_MAX);
  writer.Put<uint64_t>(1);
  ByteReader reader(writer.bytes());
  EXPECT_TRUE(reader.GetArray<uint64_t>().empty());
  EXPECT_FALSE(reader.ok());
}

}  // namespace
}  // namespace grouter
