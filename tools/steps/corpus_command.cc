#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "data/corpus.h"
#include "io/error.h"
#include "tools/steps/commands.h"

namespace grouter {
namespace {

struct Options {
  std::string from, out;
  CorpusOptions corpus;
};

absl::StatusOr<int> Run(Options* options, Terminal& terminal) {
  options->corpus.progress = terminal.Progress("reading text", "bytes");
  GROUTER_ASSIGN_OR_RETURN(const auto corpus, BuildCorpus(options->from, options->out, options->corpus));
  const nlohmann::json result = {{"documents", corpus->num_documents()},
                                 {"bytes", corpus->num_bytes()},
                                 {"domains", corpus->domains()},
                                 {"digest", corpus->digest().Hex()},
                                 {"corpus", options->out}};
  terminal.Result(absl::StrCat(options->out, ": ", Grouped(corpus->num_documents()), " documents in ",
                               corpus->domains().size(), " domains, ", HumanBytes(corpus->num_bytes()), "\n"),
                  result.dump());
  return 0;
}

}  // namespace

void AddCorpusCommand(Command& root) {
  Command& command =
      root.Add("corpus", "collect a folder of text files: a sub-folder is a domain, a file a document");
  Options* options = command.Keep(Options());
  command.Required("--from", &options->from, "folder of text files")
      .Required("--out", &options->out, "corpus folder to make")
      .Option("--max_bytes_per_domain", &options->corpus.max_bytes_per_domain,
              "bytes kept of each domain; 0: all")
      .Run([options](Terminal& terminal) { return Run(options, terminal); });
}

}  // namespace grouter
