#include "io/file.h"

#include <gtest/gtest.h>

#include <utility>

namespace grouter {
namespace {

FileSystem& Disk() { return FileSystem::Local(); }

// A fresh folder for one test.
std::string Folder() {
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  const std::string folder = JoinPath(::testing::TempDir(), std::string("file_test_") + test->name());
  EXPECT_TRUE(Disk().RemoveTree(folder).ok());
  EXPECT_TRUE(Disk().MakeFolders(folder).ok());
  return folder;
}

TEST(LocalFileSystem, WrittenBytesAreReadAndMappedBack) {
  const std::string path = JoinPath(Folder(), "a");
  auto file = Disk().Create(path);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE((*file)->Append("hello ").ok());
  ASSERT_TRUE((*file)->Append("world").ok());
  ASSERT_TRUE((*file)->WriteAt(0, "J").ok());
  ASSERT_TRUE((*file)->Sync().ok());
  EXPECT_EQ(*Disk().ReadFile(path), "Jello world");
  auto mapped = Disk().Map(path);
  ASSERT_TRUE(mapped.ok());
  ASSERT_TRUE(Disk().Remove(path).ok());
  EXPECT_EQ((*mapped)->bytes(), "Jello world");  // the mapping outlives the name
  EXPECT_EQ((*mapped)->path(), path);
}

TEST(LocalFileSystem, AnEmptyFileMapsToNoBytes) {
  const std::string path = JoinPath(Folder(), "empty");
  ASSERT_TRUE(WriteFileAtomically(Disk(), path, "").ok());
  EXPECT_EQ((*Disk().Map(path))->size(), 0u);
}

TEST(LocalFileSystem, ErrorsNameThePathAndItsKind) {
  const std::string missing = JoinPath(Folder(), "missing");
  for (const absl::Status& status : {Disk().Map(missing).status(), Disk().ReadFile(missing).status(),
                                     Disk().Rename(missing, missing + "2"), Disk().List(missing).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
    EXPECT_NE(status.message().find("missing"), absl::string_view::npos) << status;
  }
  EXPECT_EQ(Disk().Map(Folder()).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Disk().Create(JoinPath(missing, "below")).status().code(), absl::StatusCode::kNotFound);
}

TEST(LocalFileSystem, RefusesToReadMoreThanItIsAllowedTo) {
  const std::string path = JoinPath(Folder(), "ten");
  ASSERT_TRUE(WriteFileAtomically(Disk(), path, "0123456789").ok());
  EXPECT_EQ(*Disk().ReadFile(path, 10), "0123456789");
  EXPECT_EQ(Disk().ReadFile(path, 9).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(LocalFileSystem, FoldersAreMadeListedInByteOrderAndRemoved) {
  const std::string folder = Folder();
  ASSERT_TRUE(Disk().MakeFolders(JoinPath(folder, "b/c")).ok());
  ASSERT_TRUE(Disk().MakeFolders(JoinPath(folder, "b/c")).ok());
  ASSERT_TRUE(WriteFileAtomically(Disk(), JoinPath(folder, "a"), "x").ok());
  EXPECT_EQ(*Disk().List(folder), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(Disk().Exists(JoinPath(folder, "b/c")));
  EXPECT_TRUE(Disk().Remove(JoinPath(folder, "not there")).ok());
  EXPECT_TRUE(Disk().RemoveTree(folder).ok());
  EXPECT_FALSE(Disk().Exists(folder));
}

TEST(AtomicFile, LeavesNothingBehindWhenDropped) {
  const std::string folder = Folder();
  const std::string path = JoinPath(folder, "a");
  ASSERT_TRUE(WriteFileAtomically(Disk(), path, "old").ok());
  {
    auto file = AtomicFile::Create(Disk(), path);
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(file->Append("half").ok());
  }
  EXPECT_EQ(*Disk().ReadFile(path), "old");
  EXPECT_EQ(*Disk().List(folder), (std::vector<std::string>{"a"}));
}

TEST(AtomicFile, ReplacesTheOldFileOnCommitAndMovesWithItsState) {
  const std::string folder = Folder();
  const std::string path = JoinPath(folder, "a");
  ASSERT_TRUE(WriteFileAtomically(Disk(), path, "old").ok());
  auto file = AtomicFile::Create(Disk(), path);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(file->Append("new").ok());
  AtomicFile moved(std::move(*file));
  EXPECT_EQ(*Disk().ReadFile(path), "old");
  ASSERT_TRUE(moved.Commit().ok());
  EXPECT_EQ(*Disk().ReadFile(path), "new");
  EXPECT_EQ(*Disk().List(folder), (std::vector<std::string>{"a"}));
}

TEST(LocalFileSystem, AFullDiskIsAnErrorThatSaysWhatToDo) {
  // /dev/full answers every write with ENOSPC.
  auto file = Disk().Create("/dev/full");
  ASSERT_TRUE(file.ok());
  const absl::Status status = (*file)->Append("x");
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(status.message().find("free space"), absl::string_view::npos) << status;
}

TEST(JoinPath, PutsOneSlashBetween) {
  EXPECT_EQ(JoinPath("a", "b"), "a/b");
  EXPECT_EQ(JoinPath("a/", "b"), "a/b");
  EXPECT_EQ(JoinPath("/", "b"), "/b");
  EXPECT_EQ(JoinPath("", "b"), "b");
}

}  // namespace
}  // namespace grouter
