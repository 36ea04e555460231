// Commands that make certificates.
#ifndef GROUTER_TOOLS_CERTS_COMMANDS_H_
#define GROUTER_TOOLS_CERTS_COMMANDS_H_

#include "tools/command/command.h"

namespace grouter {

void AddCertsInitCommand(Command& certs);

}  // namespace grouter

#endif  // GROUTER_TOOLS_CERTS_COMMANDS_H_
