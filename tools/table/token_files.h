// The options --tokens and --index of the commands that read packed tables.
#ifndef GROUTER_TOOLS_TABLE_TOKEN_FILES_H_
#define GROUTER_TOOLS_TABLE_TOKEN_FILES_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "routing/table/packed/packed_reader.h"
#include "routing/table/routing_table.h"
#include "tools/command/command.h"

namespace grouter {

struct TokenFileOptions {
  std::string tokens, index;
};

// `options` must outlive the command. Without `with_index` only --tokens is added, and the caller has an
// --index.
void AddTokenFileOptions(Command& command, TokenFileOptions* options, bool with_index = true);
// Empty when neither is given. INVALID_ARGUMENT when one is missing.
absl::StatusOr<TokenFiles> OpenTokenFiles(const TokenFileOptions& options);
// A table of either tier.
absl::StatusOr<std::shared_ptr<const RoutingTable>> OpenTable(const std::string& path,
                                                              const TokenFileOptions& options);

}  // namespace grouter

#endif  // GROUTER_TOOLS_TABLE_TOKEN_FILES_H_
