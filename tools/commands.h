// The list of subcommands.
#ifndef GROUTER_TOOLS_COMMANDS_H_
#define GROUTER_TOOLS_COMMANDS_H_

#include "tools/command/command.h"

namespace grouter {

void AddAllCommands(Command& root);

}  // namespace grouter

#endif  // GROUTER_TOOLS_COMMANDS_H_
