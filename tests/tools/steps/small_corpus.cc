#include "tests/tools/steps/small_corpus.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tools/steps/commands.h"

namespace grouter {
namespace testing {

std::string ByteRanks() {
  std::string ranks;
  for (int byte = 0; byte < 256; ++byte) {
    absl::StrAppend(&ranks, absl::Base64Escape(std::string(1, static_cast<char>(byte))), " ", byte, "\n");
  }
  absl::StrAppend(&ranks, absl::Base64Escape("th"), " 256\n", absl::Base64Escape("he"), " 257\n");
  return ranks;
}

void MakeSmallCorpus(const std::string& folder) {
  for (int i = 0; i < 20; ++i) {
    const std::string text = absl::StrCat("the weather of day ", i, " was fine and then it was not. ");
    WriteText(absl::StrCat(folder, "/text/one/", i, ".txt"), absl::StrCat(text, text));
    WriteText(absl::StrCat(folder, "/text/two/", i, ".txt"),
              absl::StrCat("int f", i, "() { return ", i, "; }\n"));
  }
  WriteText(folder + "/ranks", ByteRanks());
  ASSERT_EQ(RunProgram(AddCorpusCommand, {"corpus", "--from", folder + "/text", "--out", folder + "/corpus"})
                .exit_code,
            0);
  ASSERT_EQ(RunProgram(AddTokenizeCommand, {"tokenize", "--corpus", folder + "/corpus", "--ranks",
                                            folder + "/ranks", "--out", folder + "/tokens"})
                .exit_code,
            0);
  ASSERT_EQ(RunProgram(AddIndexCommand,
                       {"index", "--tokens", folder + "/tokens", "--out", folder + "/samples.index",
                        "--sequence_length", "16", "--splits", "train=80", "valid=20"})
                .exit_code,
            0);
}

}  // namespace testing
}  // namespace grouter
