#include "gtest/gtest.h"
#include "routing/planning/job.h"
#include "tests/testing/small_job.h"

namespace grouter {
namespace {

TEST(JobJsonTest, ReadsWhatItWrites) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const JobSpec spec{testing::RandomDraft(seed), Sha256("schedule")};
    const auto draft = JobDraft::FromJson(spec.draft.ToJson(), "draft.json");
    ASSERT_TRUE(draft.ok()) << draft.status();
    EXPECT_EQ(draft->Encode(), spec.draft.Encode());
    const auto read = JobSpec::FromJson(spec.ToJson(), "job.json");
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->digest(), spec.digest());
  }
}

TEST(JobJsonTest, RefusesUnknownFieldsAndWrongTypesAllAtOnce) {
  std::string json = testing::RandomDraft(1).ToJson();
  json.insert(json.find('{') + 1, R"("sead": 1, "extra": {}, )");
  const size_t at = json.find("\"samples_per_step\": ");
  json.insert(at + 20, "-");
  const absl::Status status = JobDraft::FromJson(json, "draft.json").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  const std::string text(status.message());
  EXPECT_NE(text.find("sead"), std::string::npos) << text;
  EXPECT_NE(text.find("extra"), std::string::npos) << text;
  EXPECT_NE(text.find("batch.samples_per_step"), std::string::npos) << text;
  EXPECT_NE(text.find("draft.json"), std::string::npos) << text;
}

TEST(JobJsonTest, NamesWhatIsMissing) {
  const absl::Status status = JobSpec::FromJson("{}", "job.json").status();
  const std::string text(status.message());
  for (const char* field : {"tables", "topology", "ep_size", "batch", "model", "schedule"}) {
    EXPECT_NE(text.find(field), std::string::npos) << field << " in " << text;
  }
}

TEST(JobJsonTest, RefusesTextThatIsNoJson) {
  for (const char* text : {"", "{", "[]", "nul", "{\"a\":", "\xff", "1e999"}) {
    EXPECT_EQ(JobDraft::FromJson(text, "draft.json").status().code(), absl::StatusCode::kInvalidArgument)
        << text;
  }
  EXPECT_FALSE(JobDraft::FromJson(std::string(100000, '['), "draft.json").ok());
}

TEST(JobJsonTest, KeepsLargeNumbersExactly) {
  JobDraft draft = testing::RandomDraft(5);
  draft.seed = UINT64_MAX - 1;
  const auto read = JobDraft::FromJson(draft.ToJson(), "draft.json");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->seed, UINT64_MAX - 1);
}

}  // namespace
}  // namespace grouter
