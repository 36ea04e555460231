#include "io/sha256_batch.h"

#include <gtest/gtest.h>

#include <string>

#include "io/random.h"

namespace grouter {
namespace {

std::string RandomBytes(Random* random, size_t size) {
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random->Next());
  return bytes;
}

// Cuts `bytes` into pieces, some of them empty.
MessagePieces Cut(absl::string_view bytes, Random* random) {
  MessagePieces pieces;
  while (!bytes.empty()) {
    const size_t size =
        std::min<size_t>(bytes.size(), random->Below(4) == 0 ? random->Below(3) : random->Below(400));
    pieces.push_back(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  return pieces;
}

TEST(Sha256Batch, AnyNumberOfMessagesOfAnyLengthsInAnyPiecesHaveTheirOwnDigests) {
  Random random(11);
  for (int round = 0; round < 60; ++round) {
    const size_t count = random.Below(50);
    const size_t longest = 1 + random.Below(round % 2 == 0 ? 200 : 20'000);
    std::vector<std::string> bytes;
    std::vector<MessagePieces> messages;
    for (size_t i = 0; i < count; ++i) {
      bytes.push_back(RandomBytes(&random, random.Below(8) == 0 ? random.Below(longest) : longest));
    }
    for (const std::string& message : bytes) messages.push_back(Cut(message, &random));
    for (Sha256Path path : {Sha256Path::kBest, Sha256Path::kSerial}) {
      const std::vector<Digest> digests = Sha256Batch(messages, path);
      ASSERT_EQ(digests.size(), count);
      for (size_t i = 0; i < count; ++i) {
        ASSERT_EQ(digests[i].Hex(), Sha256(bytes[i]).Hex()) << count << " messages, " << bytes[i].size();
      }
    }
  }
}

TEST(Sha256Batch, EveryLengthAroundTheBlockBordersIsPaddedRight) {
  Random random(12);
  std::vector<std::string> bytes;
  for (size_t size = 0; size <= 300; ++size) bytes.push_back(RandomBytes(&random, size));
  std::vector<MessagePieces> messages;
  for (const std::string& message : bytes) messages.push_back({message});
  const std::vector<Digest> digests = Sha256Batch(messages);
  for (size_t i = 0; i < bytes.size(); ++i) EXPECT_EQ(digests[i], Sha256(bytes[i])) << i;
}

TEST(Sha256Batch, AMessageMuchLongerThanTheOthersIsRightToo) {
  Random random(13);
  std::vector<std::string> bytes(20, "short");
  bytes[7] = RandomBytes(&random, 100'000);
  std::vector<MessagePieces> messages;
  for (const std::string& message : bytes) messages.push_back({message});
  const std::vector<Digest> digests = Sha256Batch(messages);
  for (size_t i = 0; i < bytes.size(); ++i) EXPECT_EQ(digests[i], Sha256(bytes[i])) << i;
}

TEST(Sha256Batch, NoMessagesHaveNoDigests) { EXPECT_TRUE(Sha256Batch({}).empty()); }

}  // namespace
}  // namespace grouter
