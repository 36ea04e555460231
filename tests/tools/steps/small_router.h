// A random router over the small corpus, stored in a folder.
#ifndef GROUTER_TESTS_TOOLS_STEPS_SMALL_ROUTER_H_
#define GROUTER_TESTS_TOOLS_STEPS_SMALL_ROUTER_H_

#include <string>
#include <vector>

#include "data/sample_index.h"
#include "routing/network/router.h"
#include "tests/tools/steps/small_corpus.h"

namespace grouter {
namespace testing {

// FOLDER/router: 8 experts, k 2, with the tokenizer of FOLDER/samples.index.
inline void MakeSmallRouter(const std::string& folder, Causality causality = Causality::kCausal) {
  RouterSpec spec;
  spec.shape = {/*vocab_size=*/261, /*hidden_size=*/16, /*num_blocks=*/1,
                /*num_heads=*/2,    /*mlp_size=*/24,
                /*num_experts=*/8};
  spec.gate.k = 2;
  spec.causality = causality;
  spec.cross_document = causality == Causality::kPackedBidirectional;
  spec.tokenizer_digest = SampleIndex::Open(folder + "/samples.index").value()->tokenizer_digest();
  Router router = RandomRouter(spec, /*seed=*/3);
  // Larger scores than a fresh network's: load that is uneven, and no ties.
  for (float& value : router.tensors[kScoreWeight].values) value *= 50;
  ASSERT_TRUE(SaveRouter(&router, folder + "/router").ok());
}

// The arguments that name the small corpus, and more.
inline std::vector<std::string> WithCorpus(const std::string& folder, std::vector<std::string> arguments) {
  arguments.insert(arguments.end(),
                   {"--tokens", folder + "/tokens", "--index", folder + "/samples.index", "--json"});
  return arguments;
}

}  // namespace testing
}  // namespace grouter

#endif  // GROUTER_TESTS_TOOLS_STEPS_SMALL_ROUTER_H_
