#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "data/corpus.h"
#include "data/tokenize.h"
#include "data/tokenizer/tokenizer.h"
#include "io/error.h"
#include "tools/steps/commands.h"

namespace grouter {
namespace {

struct Options {
  std::string corpus, ranks, out;
  bool allow_special_tokens = false;
  TokenizerOptions tokenizer;
  TokenizeOptions tokenize;
};

absl::StatusOr<int> Run(Options* options, Terminal& terminal) {
  if (options->tokenize.num_threads == 0) {
    return Error(absl::StatusCode::kInvalidArgument, "no thread to work with", "--threads", "give 1 or more");
  }
  GROUTER_ASSIGN_OR_RETURN(const auto tokenizer, Tokenizer::Open(options->ranks, options->tokenizer));
  GROUTER_ASSIGN_OR_RETURN(const auto corpus, Corpus::Open(options->corpus));
  options->tokenize.progress = terminal.Progress("tokenizing", "bytes");
  if (options->allow_special_tokens) options->tokenize.special_tokens = Encoder::SpecialTokens::kAllowed;
  GROUTER_ASSIGN_OR_RETURN(const TokenManifest manifest,
                           TokenizeCorpus(*corpus, *tokenizer, options->out, options->tokenize));
  const nlohmann::json result = {{"tokens", manifest.num_tokens},
                                 {"documents", manifest.num_documents},
                                 {"vocab_size", manifest.vocab_size},
                                 {"bytes_per_token", static_cast<double>(corpus->num_bytes()) /
                                                         static_cast<double>(manifest.num_tokens)},
                                 {"tokenizer_digest", manifest.tokenizer_digest.Hex()},
                                 {"prefix", options->out}};
  terminal.Result(absl::StrCat(options->out, ".bin, .idx: ", Grouped(manifest.num_tokens), " tokens of ",
                               Grouped(manifest.num_documents), " documents, vocabulary ",
                               Grouped(manifest.vocab_size), "\n"),
                  result.dump());
  return 0;
}

}  // namespace

void AddTokenizeCommand(Command& root) {
  Command& command = root.Add("tokenize", "turn a corpus into Megatron's PREFIX.bin and PREFIX.idx");
  Options* options = command.Keep(Options());
  command.Required("--corpus", &options->corpus, "corpus folder")
      .Required("--ranks", &options->ranks, "tiktoken rank file, or a Hugging Face tokenizer.json")
      .Required("--out", &options->out, "PREFIX to write")
      .Option("--vocab_size", &options->tokenizer.vocab_size,
              "ids in all; the ranks are cut to fit, 0: all ranks")
      .Option("--threads", &options->tokenize.num_threads, "threads; the result is the same for any number")
      .Flag("--allow_special_tokens", &options->allow_special_tokens,
            "\"<|endoftext|>\" in a document is the special token, not text")
      .Run([options](Terminal& terminal) { return Run(options, terminal); });
}

}  // namespace grouter
