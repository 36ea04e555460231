// `grouter table ...`: looking at, checking, joining and exchanging routing tables.
#ifndef GROUTER_TOOLS_TABLE_COMMANDS_H_
#define GROUTER_TOOLS_TABLE_COMMANDS_H_

#include "tools/command/command.h"

namespace grouter {

// Each adds one command to the group `table`.
void AddTableInspectCommand(Command& table);
void AddTableVerifyCommand(Command& table);
void AddTableAlignCommand(Command& table);
void AddTableStatsCommand(Command& table);
void AddTableMergeCommand(Command& table);
void AddTableSliceCommand(Command& table);
void AddTableDiffCommand(Command& table);
void AddTablePackCommand(Command& table);
void AddTableUnpackCommand(Command& table);
void AddTableImportCommand(Command& table);
void AddTableExportCommand(Command& table);

}  // namespace grouter

#endif  // GROUTER_TOOLS_TABLE_COMMANDS_H_
