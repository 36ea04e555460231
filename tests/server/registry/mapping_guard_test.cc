#include "server/registry/mapping_guard.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <numeric>

#include "gtest/gtest.h"

namespace grouter {
namespace {

constexpr size_t kSize = 1 << 16;

class MappingGuardTest : public ::testing::Test {
 protected:
  MappingGuardTest() {
    InstallMappingGuard();
    EXPECT_TRUE(WriteFileAtomically(FileSystem::Local(), path_, std::string(kSize, 'x')).ok());
  }
  static std::vector<DamagedMapping> DamageOf(const std::string& path) {
    std::vector<DamagedMapping> damage;
    for (const DamagedMapping& mapping : FindDamagedMappings()) {
      if (mapping.path == path) damage.push_back(mapping);
    }
    return damage;
  }
  const std::string path_ = ::testing::TempDir() + "/guarded";
  GuardedFiles files_{FileSystem::Local()};
};

TEST_F(MappingGuardTest, AFileThatShrinksReadsAsZerosAndIsMarked) {
  const auto file = files_.Map(path_);
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE(DamageOf(path_).empty());
  ASSERT_EQ(truncate(path_.c_str(), 0), 0);
  const absl::string_view bytes = (*file)->bytes();
  EXPECT_EQ(std::accumulate(bytes.begin(), bytes.end(), 0), 0);
  ASSERT_EQ(DamageOf(path_).size(), 1u);
  EXPECT_EQ(DamageOf(path_)[0].why, "a file of the table shrank");
}

TEST_F(MappingGuardTest, AFileThatIsWrittenToIsFoundWithoutAFault) {
  const auto file = files_.Map(path_);
  ASSERT_TRUE(file.ok());
  FILE* const writer = fopen(path_.c_str(), "r+");
  fputs("overwritten", writer);
  fclose(writer);
  timespec later[2] = {{2000000000, 0}, {2000000000, 0}};  // whatever the clock's grain
  ASSERT_EQ(utimensat(AT_FDCWD, path_.c_str(), later, 0), 0);
  EXPECT_EQ(DamageOf(path_).size(), 1u);
}

TEST_F(MappingGuardTest, AFileThatIsGoneOrReplacedStaysWhole) {
  const auto file = files_.Map(path_);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(WriteFileAtomically(FileSystem::Local(), path_, "another").ok());
  EXPECT_TRUE(DamageOf(path_).empty());
  ASSERT_EQ(unlink(path_.c_str()), 0);
  EXPECT_TRUE(DamageOf(path_).empty());
  EXPECT_EQ((*file)->bytes()[kSize - 1], 'x');
}

TEST_F(MappingGuardTest, AnUnmappedFileIsForgotten) {
  { const auto file = files_.Map(path_); }
  ASSERT_EQ(truncate(path_.c_str(), 1), 0);
  EXPECT_TRUE(DamageOf(path_).empty());
}

}  // namespace
}  // namespace grouter
