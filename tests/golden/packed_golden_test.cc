// Packed tables as format 1.0 wrote them: today's reader decodes them to the routes they were packed from.
// (Today's writer may choose other codes for the same routes.)
#include <string>

#include "gtest/gtest.h"
#include "routing/table/packed/pack_table.h"
#include "tests/testing/tables/random_table.h"

namespace grouter {
namespace {

TEST(PackedGolden, AContextFreeTableUnpacksToTheGoldenPlainTable) {
  const std::string folder = testing::NewFolder();
  ASSERT_TRUE(VerifyTableOfAnyTier("tests/golden/packed/context_free", {}, {})->findings.empty());
  const auto digest = UnpackTable("tests/golden/packed/context_free", folder, {});
  ASSERT_TRUE(digest.ok()) << digest.status();
  FileSystem& files = FileSystem::Local();
  const auto names = files.List("tests/golden/table");
  ASSERT_TRUE(names.ok()) << names.status();
  EXPECT_EQ(*files.List(folder), *names);
  for (const std::string& name : *names) {
    EXPECT_TRUE(*files.ReadFile(JoinPath(folder, name)) ==
                *files.ReadFile(JoinPath("tests/golden/table", name)))
        << name;
  }
}

// Version 2 of the code: the first of the f32 weights has no lower half of its own.
TEST(PackedGolden, ATableOfFloatsThatSumToOneDecodes) {
  const std::string golden = "tests/golden/packed/sum_to_one";
  ASSERT_TRUE(VerifyTableOfAnyTier(golden, {}, {})->findings.empty());
  const auto digest = UnpackTable(golden, testing::NewFolder(), {});
  ASSERT_TRUE(digest.ok()) << digest.status();
  EXPECT_EQ(digest->Hex(), "adc9de27da650ce48bfc255fb5af9685c516169ef79a98f59818d18ce6018046");
}

TEST(PackedGolden, ATokenConditionedTableDecodesBesideItsTokens) {
  const std::string golden = "tests/golden/packed";
  TokenFiles tokens;
  tokens.dataset = IndexedDataset::Open(golden + "/tokens").value();
  tokens.index = SampleIndex::Open(golden + "/samples").value();
  // Decoding compares every sample with its stored digest.
  const auto digest = UnpackTable(golden + "/with_tokens", testing::NewFolder(), tokens);
  ASSERT_TRUE(digest.ok()) << digest.status();
  EXPECT_EQ(digest->Hex(), "8c9464deb877702b864ee41d75e657a6b3b9b4dfdae32df65fa175b56a984962");
}

}  // namespace
}  // namespace grouter
