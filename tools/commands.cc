#include "tools/commands.h"

#include "tools/certs/commands.h"
#include "tools/pipeline/run_command.h"
#include "tools/plan/commands.h"
#include "tools/server/commands.h"
#include "tools/steps/commands.h"
#include "tools/table/commands.h"

namespace grouter {

void AddAllCommands(Command& root) {
  AddCorpusCommand(root);
  AddTokenizeCommand(root);
  AddIndexCommand(root);
  AddDistillCommand(root);
  AddFoldCommand(root);
  AddExpandCommand(root);
  AddTuneCommand(root);
  AddAuditCommand(root);
  AddRouteCommand(root);
  Command& table = root.Add("table", "look at, check and join routing tables");
  AddTableInspectCommand(table);
  AddTableVerifyCommand(table);
  AddTableAlignCommand(table);
  AddTableStatsCommand(table);
  AddTableMergeCommand(table);
  AddTableSliceCommand(table);
  AddTableDiffCommand(table);
  AddTablePackCommand(table);
  AddTableUnpackCommand(table);
  AddTableImportCommand(table);
  AddTableExportCommand(table);
  Command& job = root.Add("job", "make and register jobs");
  AddJobMakeCommand(job);
  AddJobRegisterCommand(job);
  AddProbeCommand(root);
  AddPlaceCommand(root);
  Command& plan = root.Add("plan", "look at plans");
  AddPlanGetCommand(plan);
  AddPlanVerifyCommand(plan);
  AddPlanExplainCommand(plan);
  AddPlanReportCommand(plan);
  AddStatsCommand(root);
  Command& certs = root.Add("certs", "make certificates and tokens");
  AddCertsInitCommand(certs);
  AddTrainCommand(root);
  AddReportCommand(root);
  AddRunCommand(root);
}

}  // namespace grouter
