#include "routing/table/exchange/npy.h"

#include <zip.h>

#include "gtest/gtest.h"
#include "tests/testing/tables/random_table.h"

namespace grouter {
namespace {

std::string Npy(const std::string& dict, const std::string& data) {
  std::string out("\x93NUMPY\x01\x00", 8);
  const uint16_t length = static_cast<uint16_t>(dict.size());
  return out + std::string(reinterpret_cast<const char*>(&length), 2) + dict + data;
}

TEST(Npy, ReadsWhatNumPyWrites) {
  // numpy.save of numpy.array([[1, -2], [3, 4], [5, 6]], dtype=numpy.int16), byte for byte.
  const std::string dict =
      "{'descr': '<i2', 'fortran_order': False, 'shape': (3, 2), }" + std::string(58, ' ') + "\n";
  const int16_t values[6] = {1, -2, 3, 4, 5, 6};
  const std::string bytes = Npy(dict, std::string(reinterpret_cast<const char*>(values), 12));
  ASSERT_EQ(bytes.size(), 128 + 12);
  const auto array = ParseNpy(bytes);
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_EQ(array->shape, (std::vector<uint64_t>{3, 2}));
  EXPECT_EQ(array->Integer(1), -2);
  EXPECT_EQ(array->Number(5), 6);
  EXPECT_EQ(NpyHeader(TensorType::kI16, {3, 2}), bytes.substr(0, 128));
}

TEST(Npy, SurvivesWritingInEveryType) {
  for (TensorType type : {TensorType::kF64, TensorType::kF32, TensorType::kF16, TensorType::kI64,
                          TensorType::kI32, TensorType::kI16, TensorType::kI8, TensorType::kU8,
                          TensorType::kU16, TensorType::kU32, TensorType::kBool}) {
    for (const std::vector<uint64_t>& shape : {std::vector<uint64_t>{}, {0}, {7}, {2, 3, 4}}) {
      uint64_t count = 1;
      for (uint64_t d : shape) count *= d;
      const std::string bytes = NpyHeader(type, shape) + std::string(count * ElementBytes(type), 1);
      const auto array = ParseNpy(bytes);
      ASSERT_TRUE(array.ok()) << array.status();
      EXPECT_EQ(array->type, type);
      EXPECT_EQ(array->shape, shape);
      EXPECT_EQ(array->num_elements(), count);
      EXPECT_EQ((bytes.size() - count * ElementBytes(type)) % 64, 0);
    }
  }
}

TEST(Npy, RefusesWhatIsNotAPlainArray) {
  const auto refused = [](const std::string& dict, const std::string& data) {
    return ParseNpy(Npy(dict, data)).status().code() == absl::StatusCode::kInvalidArgument;
  };
  EXPECT_TRUE(refused("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "12345678"));
  EXPECT_TRUE(refused("{'descr': '>i2', 'fortran_order': False, 'shape': (1,), }", "12"));
  EXPECT_TRUE(refused("{'descr': '<i2', 'fortran_order': True, 'shape': (1, 2), }", "1234"));
  EXPECT_TRUE(refused("{'descr': '<i2', 'fortran_order': False, 'shape': (2,), }", "12"));
  EXPECT_TRUE(refused("{'descr': '<i2', 'fortran_order': False, 'shape': (1,), }", "1234"));
  EXPECT_TRUE(
      refused("{'descr': '<i2', 'fortran_order': False, 'shape': (99999999999, 99999999999), }", "12"));
  EXPECT_TRUE(refused("{'descr': [('a', '<i2')], 'fortran_order': False, 'shape': (1,), }", "12"));
  EXPECT_TRUE(refused("{}", ""));
  EXPECT_EQ(ParseNpy("PK").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Npz, GivesBackTheArraysPutIntoIt) {
  const std::string folder = testing::NewFolder();
  FileSystem& files = FileSystem::Local();
  const std::string a = NpyHeader(TensorType::kU8, {3}) + "abc";
  ASSERT_TRUE(WriteFileAtomically(files, folder + "/a.npy", a).ok());
  ASSERT_TRUE(WriteFileAtomically(files, folder + "/b.npy", NpyHeader(TensorType::kI32, {0})).ok());
  ASSERT_TRUE(WriteNpz(folder + "/x.npz", {{"a", folder + "/a.npy"}, {"b", folder + "/b.npy"}}).ok());
  const auto npz = NpzFile::Open(folder + "/x.npz");
  ASSERT_TRUE(npz.ok()) << npz.status();
  ASSERT_NE((*npz)->Find("a"), nullptr);
  EXPECT_EQ((*npz)->Find("a")->bytes, "abc");
  EXPECT_EQ((*npz)->Find("b")->num_elements(), 0);
  EXPECT_EQ((*npz)->Find("c"), nullptr);
  EXPECT_EQ(files.List(folder)->size(), 3);  // no temporary file stays
}

// What numpy.savez_compressed writes: members in DEFLATE.
std::string CompressedNpz(const std::string& folder, const std::string& npy) {
  const std::string path = folder + "/deflated.npz";
  zip_t* const zip = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  const int64_t member =
      zip_file_add(zip, "a.npy", zip_source_buffer(zip, npy.data(), npy.size(), 0), ZIP_FL_OVERWRITE);
  EXPECT_EQ(zip_set_file_compression(zip, member, ZIP_CM_DEFLATE, 6), 0);
  EXPECT_EQ(zip_close(zip), 0);
  return path;
}

TEST(Npz, CompressedArraysComeBackAndDamageInThemIsFound) {
  const std::string folder = testing::NewFolder();
  FileSystem& files = FileSystem::Local();
  std::string content;
  for (int i = 0; i < 100'000; ++i) content.push_back(static_cast<char>(i % 7 * i % 13));
  const std::string path = CompressedNpz(folder, NpyHeader(TensorType::kU8, {content.size()}) + content);
  const auto npz = NpzFile::Open(path);
  ASSERT_TRUE(npz.ok()) << npz.status();
  EXPECT_EQ((*npz)->Find("a")->bytes, content);

  const std::string bytes = *files.ReadFile(path);
  ASSERT_LT(bytes.size(), content.size() / 2);
  for (size_t at = 40; at + 120 < bytes.size(); at += 1 + bytes.size() / 50) {
    std::string flipped = bytes;
    flipped[at] ^= 4;
    ASSERT_TRUE(WriteFileAtomically(files, folder + "/flip.npz", flipped).ok());
    EXPECT_EQ(NpzFile::Open(folder + "/flip.npz").status().code(), absl::StatusCode::kDataLoss) << at;
  }
  EXPECT_EQ(files.List(folder)->size(), 2);  // no temporary file stays
}

TEST(Npz, DamagedArchivesAreErrors) {
  const std::string folder = testing::NewFolder();
  FileSystem& files = FileSystem::Local();
  ASSERT_TRUE(WriteFileAtomically(files, folder + "/a.npy", NpyHeader(TensorType::kU8, {3}) + "abc").ok());
  ASSERT_TRUE(WriteNpz(folder + "/x.npz", {{"a", folder + "/a.npy"}}).ok());
  std::string bytes = *files.ReadFile(folder + "/x.npz");
  ASSERT_TRUE(WriteFileAtomically(files, folder + "/cut.npz", bytes.substr(0, bytes.size() - 30)).ok());
  EXPECT_EQ(NpzFile::Open(folder + "/cut.npz").status().code(), absl::StatusCode::kInvalidArgument);
  bytes[bytes.find("abc")] = 'x';  // the member's CRC finds it
  ASSERT_TRUE(WriteFileAtomically(files, folder + "/flip.npz", bytes).ok());
  EXPECT_EQ(NpzFile::Open(folder + "/flip.npz").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(NpzFile::Open(folder + "/none.npz").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace grouter
