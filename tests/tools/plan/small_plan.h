// A table, a model and a job on disk for the tests of jobs, placement and plans.
#ifndef GROUTER_TESTS_TOOLS_PLAN_SMALL_PLAN_H_
#define GROUTER_TESTS_TOOLS_PLAN_SMALL_PLAN_H_

#include <string>

#include "tests/testing/tables/random_table.h"
#include "tests/tools/command/run_program.h"
#include "tools/plan/commands.h"

namespace grouter {
namespace testing {

// FOLDER/table (8 experts, 24 samples of 8 tokens, low experts busier) and FOLDER/model.json (two MoE
// layers).
inline void MakeTableAndModel(const std::string& folder) {
  RandomTableOptions options;
  options.lengths.assign(24, 8);
  options.header.weight_type = WeightType::kFloat32;
  options.skew = 1;
  MakeRandomTable(options, folder + "/table");
  WriteText(folder + "/model.json",
            R"({"vocab_size":261,"hidden_size":16,"num_hidden_layers":2,"num_attention_heads":2,)"
            R"("moe_intermediate_size":8,"num_experts":8,"num_experts_per_tok":2})");
}

// And FOLDER/draft.json for two ranks.
inline Outcome MakeDraft(const std::string& folder, std::vector<std::string> more = {}) {
  std::vector<std::string> arguments = {"make",
                                        "--tables",
                                        folder + "/table",
                                        "--model",
                                        folder + "/model.json",
                                        "--out",
                                        folder + "/draft.json",
                                        "--ranks_per_node",
                                        "2",
                                        "--samples_per_step",
                                        "4",
                                        "--chunks",
                                        "2",
                                        "--json"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return RunInGroup("job", AddJobMakeCommand, arguments);
}

// And FOLDER/train.schedule, FOLDER/job.json.
inline Outcome PlaceJob(const std::string& folder) {
  return RunProgram(AddPlaceCommand, {"place", "--job", folder + "/draft.json", "--tables", folder + "/table",
                                      "--out_schedule", folder + "/train.schedule", "--out_job",
                                      folder + "/job.json", "--iterations", "2000", "--json"});
}

}  // namespace testing
}  // namespace grouter

#endif  // GROUTER_TESTS_TOOLS_PLAN_SMALL_PLAN_H_
