// A corpus with tokens and a sample index, made by the commands themselves.
#ifndef GROUTER_TESTS_TOOLS_STEPS_SMALL_CORPUS_H_
#define GROUTER_TESTS_TOOLS_STEPS_SMALL_CORPUS_H_

#include <string>

#include "tests/tools/command/run_program.h"

namespace grouter {
namespace testing {

// A tiktoken rank file of the 256 bytes and "th", "he".
std::string ByteRanks();

// FOLDER/tokens.bin/.idx/.json and FOLDER/samples.index: two domains, samples of 16 tokens.
void MakeSmallCorpus(const std::string& folder);

}  // namespace testing
}  // namespace grouter

#endif  // GROUTER_TESTS_TOOLS_STEPS_SMALL_CORPUS_H_
