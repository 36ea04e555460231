// The steps from text to a trained model, each a subcommand of `grouter` that reads and writes files.
//
// A call adds one command to `root`. Every result has a JSON form with stable field names (docs/cli.md).
#ifndef GROUTER_TOOLS_STEPS_COMMANDS_H_
#define GROUTER_TOOLS_STEPS_COMMANDS_H_

#include "tools/command/command.h"

namespace grouter {

void AddCorpusCommand(Command& root);    // text files -> corpus folder
void AddTokenizeCommand(Command& root);  // corpus -> PREFIX.bin/.idx
void AddIndexCommand(Command& root);     // PREFIX.bin/.idx -> sample index
void AddDistillCommand(Command& root);   // teacher + corpus -> router
void AddFoldCommand(Command& root);      // router -> router with fewer experts
void AddExpandCommand(Command& root);    // router -> router with more experts
void AddTuneCommand(Command& root);      // router -> balanced router
void AddAuditCommand(Command& root);     // is a router causal?
void AddRouteCommand(Command& root);     // router + corpus -> routing table
void AddTrainCommand(Command& root);     // starts the ranks of a training run on this machine
void AddReportCommand(Command& root);    // two runs -> report.html

}  // namespace grouter

#endif  // GROUTER_TOOLS_STEPS_COMMANDS_H_
