// `grouter run`: the whole main job, step after step, resumable.
#ifndef GROUTER_TOOLS_PIPELINE_RUN_COMMAND_H_
#define GROUTER_TOOLS_PIPELINE_RUN_COMMAND_H_

#include "tools/command/command.h"

namespace grouter {

void AddRunCommand(Command& root);

}  // namespace grouter

#endif  // GROUTER_TOOLS_PIPELINE_RUN_COMMAND_H_
