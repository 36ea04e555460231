#include "tools/table/token_files.h"

#include "io/error.h"

namespace grouter {

void AddTokenFileOptions(Command& command, TokenFileOptions* options, bool with_index) {
  command.Option("--tokens", &options->tokens,
                 "tokens a packed table was packed beside: prefix of .bin and .idx");
  if (with_index) command.Option("--index", &options->index, "their sample index");
}

absl::StatusOr<TokenFiles> OpenTokenFiles(const TokenFileOptions& options) {
  TokenFiles files;
  if (options.tokens.empty()) return files;
  if (options.index.empty()) {
    return Error(absl::StatusCode::kInvalidArgument, "--tokens without --index", "--index",
                 "give the sample index that the table names");
  }
  GROUTER_ASSIGN_OR_RETURN(files.dataset, IndexedDataset::Open(options.tokens));
  GROUTER_ASSIGN_OR_RETURN(files.index, SampleIndex::Open(options.index));
  return files;
}

absl::StatusOr<std::shared_ptr<const RoutingTable>> OpenTable(const std::string& path,
                                                              const TokenFileOptions& options) {
  GROUTER_ASSIGN_OR_RETURN(const TokenFiles files, OpenTokenFiles(options));
  return OpenTableOfAnyTier(path, files);
}

}  // namespace grouter
