// What a person asks a routing server for.
#ifndef GROUTER_TOOLS_SERVER_COMMANDS_H_
#define GROUTER_TOOLS_SERVER_COMMANDS_H_

#include "tools/command/command.h"

namespace grouter {

void AddJobRegisterCommand(Command& job);  // a job with a server, so that workers and people can name it
void AddStatsCommand(Command& root);       // what a server does, once or again and again

}  // namespace grouter

#endif  // GROUTER_TOOLS_SERVER_COMMANDS_H_
