#include "io/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>

#include "absl/strings/str_cat.h"
#include "io/random.h"

namespace grouter {
namespace {

std::string TempPath(const std::string& name) { return JoinPath(::testing::TempDir(), name); }

// A file from a header and data as a stranger would write them.
std::string File(absl::string_view header, absl::string_view data = "") {
  const uint64_t length = header.size();
  std::string file(reinterpret_cast<const char*>(&length), sizeof(length));
  return absl::StrCat(file, header, data);
}

absl::Status ParseStatus(const std::string& file) { return SafetensorsFile::Parse(file, "test").status(); }

TEST(Safetensors, ReadsWhatTheReferenceLibraryWrites) {
  const std::string file = File(
      R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},)"
      R"("a":{"dtype":"BF16","shape":[],"data_offsets":[8,10]},"none":{"dtype":"U8","shape":[0,3],"data_offsets":[10,10]}} )",
      std::string("12345678xy"));
  auto parsed = SafetensorsFile::Parse(file, "test");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  ASSERT_EQ((*parsed)->tensors().size(), 3u);
  EXPECT_EQ((*parsed)->metadata().at("format"), "pt");
  EXPECT_EQ((*parsed)->Find("b")->bytes, "12345678");
  EXPECT_EQ((*parsed)->Find("a")->spec.type, TensorType::kBF16);
  EXPECT_EQ((*parsed)->Find("a")->bytes, "xy");
  EXPECT_TRUE((*parsed)->Find("none")->bytes.empty());
  EXPECT_EQ((*parsed)->Find("c"), nullptr);
}

TEST(Safetensors, GetNamesTheFileTheTensorAndBothShapes) {
  const std::string file = File(R"({"b":{"dtype":"U8","shape":[1,2],"data_offsets":[0,2]}})", "xy");
  auto parsed = SafetensorsFile::Parse(file, "weights");
  ASSERT_TRUE(parsed.ok());
  EXPECT_TRUE((*parsed)->Get("b", {1, 2}).ok());
  const absl::Status wrong_shape = (*parsed)->Get("b", {2, 1}).status();
  EXPECT_EQ(wrong_shape.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(
      wrong_shape.message(),
      "tensor b has shape [1, 2], not [2, 1] (weights); use the configuration that belongs to this file");
  EXPECT_EQ((*parsed)->Get("c", {2}).status().code(), absl::StatusCode::kNotFound);
}

TEST(Safetensors, RefusesEveryKindOfDamage) {
  const std::string entry = R"("dtype":"U8","shape":[2])";
  const std::vector<std::string> damaged = {
      "",
      "1234567",
      std::string("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10),  // absurd length
      File("[]"),
      File("{"),
      File(R"({"a":1})", "xy"),
      File(absl::StrCat(R"({"a":{)", entry, R"(,"data_offsets":[0,3]}})"), "xyz"),  // size and shape differ
      File(absl::StrCat(R"({"a":{)", entry, R"(,"data_offsets":[1,3]}})"), "xy"),   // past the end
      File(absl::StrCat(R"({"a":{)", entry, R"(,"data_offsets":[2,0]}})"), "xy"),   // backwards
      File(absl::StrCat(R"({"a":{)", entry, R"(,"data_offsets":[1,3]}})"), "xyz"),  // a hole before
      File(absl::StrCat(R"({"a":{)", entry, R"(,"data_offsets":[0,2]}})"), "xyz"),  // bytes after
      File(absl::StrCat(R"({"a":{)", entry, R"(,"data_offsets":[0,2]},"b":{)", entry,
                        R"(,"data_offsets":[0,2]}})"),
           "xy"),  // two on one place
      File(absl::StrCat(R"({"a":{)", entry, R"(,"data_offsets":[0,2]},"a":{)", entry,
                        R"(,"data_offsets":[0,2]}})"),
           "xy"),                                                                    // a name twice
      File(absl::StrCat(R"({"a":{)", entry, R"(,"data_offsets":[0.0,2]}})"), "xy"),  // not whole
      File(R"({"a":{"dtype":"U8","shape":[-2],"data_offsets":[0,2]}})", "xy"),
      File(R"({"a":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,0]}})"),  // 2^67 bytes
      File(R"({"__metadata__":{"a":1}})"),
  };
  for (size_t i = 0; i < damaged.size(); ++i) {
    EXPECT_EQ(ParseStatus(damaged[i]).code(), absl::StatusCode::kInvalidArgument) << "case " << i;
  }
}

TEST(Safetensors, AnUnknownElementTypeIsNamedAsUnsupported) {
  const absl::Status status =
      ParseStatus(File(R"({"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}})", "x"));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_NE(status.message().find("F8_E4M3"), absl::string_view::npos);
}

TEST(Safetensors, RandomTensorsOfAllTypesComeBackAndEqualContentGivesEqualBytes) {
  Random random(7);
  for (int round = 0; round < 30; ++round) {
    std::vector<std::string> bytes;
    std::vector<TensorView> tensors;
    const size_t count = random.Below(8);
    for (size_t i = 0; i < count; ++i) {
      TensorSpec spec{absl::StrCat("tensor ", i, "\u00e9"), static_cast<TensorType>(random.Below(12)), {}};
      for (uint64_t d = random.Below(4); d > 0; --d) spec.shape.push_back(random.Below(5));
      bytes.emplace_back(spec.num_bytes(), '\0');
      for (char& c : bytes.back()) c = static_cast<char>(random.Next());
      tensors.push_back({spec, ""});
    }
    for (size_t i = 0; i < count; ++i) tensors[i].bytes = bytes[i];
    const std::string path = TempPath("random.safetensors");
    ASSERT_TRUE(WriteSafetensors(path, tensors, {{"round", absl::StrCat(round)}}).ok());
    const std::string first = *FileSystem::Local().ReadFile(path);
    auto file = SafetensorsFile::Open(path);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ((*file)->tensors().size(), count);
    for (const TensorView& tensor : tensors) {
      const TensorView* found = (*file)->Find(tensor.spec.name);
      ASSERT_NE(found, nullptr);
      EXPECT_EQ(found->spec.type, tensor.spec.type);
      EXPECT_EQ(found->spec.shape, tensor.spec.shape);
      EXPECT_EQ(found->bytes, tensor.bytes);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(found->bytes.data()) % ElementBytes(found->spec.type), 0u);
    }
    random.Shuffle(&tensors);
    ASSERT_TRUE(WriteSafetensors(path, tensors, {{"round", absl::StrCat(round)}}).ok());
    EXPECT_EQ(*FileSystem::Local().ReadFile(path), first);
  }
}

TEST(SafetensorsWriter, TakesBytesInPiecesAndMakesNoFileUntilAllAreThere) {
  const std::string path = TempPath("pieces.safetensors");
  ASSERT_TRUE(FileSystem::Local().Remove(path).ok());
  auto writer = SafetensorsWriter::Create(path, {{"a", TensorType::kU8, {3}}, {"b", TensorType::kF32, {1}}});
  ASSERT_TRUE(writer.ok());
  ASSERT_EQ((*writer)->layout()[0].name, "b");  // larger elements first
  ASSERT_TRUE((*writer)->Append("flo").ok());
  EXPECT_EQ((*writer)->Commit().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(FileSystem::Local().Exists(path));
  ASSERT_TRUE((*writer)->Append("tabc").ok());
  EXPECT_EQ((*writer)->Append("d").code(), absl::StatusCode::kOutOfRange);
  ASSERT_TRUE((*writer)->Commit().ok());
  auto file = SafetensorsFile::Open(path);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ((*file)->Find("a")->bytes, "abc");
  EXPECT_EQ((*file)->Find("b")->bytes, "flot");
}

TEST(SafetensorsWriter, RefusesNamesThatCannotBeReadBack) {
  const TensorSpec a{"a", TensorType::kU8, {1}};
  for (const char* name : {"a", "", "__metadata__"}) {
    EXPECT_EQ(SafetensorsWriter::Create(TempPath("x"), {a, {name, TensorType::kU8, {1}}}).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(WriteSafetensors(TempPath("x"), {{a, "toolong"}}).code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace grouter
