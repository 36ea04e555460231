// From routing tables to plans: jobs, placement schedules, plans and what a server says.
#ifndef GROUTER_TOOLS_PLAN_COMMANDS_H_
#define GROUTER_TOOLS_PLAN_COMMANDS_H_

#include "tools/command/command.h"

namespace grouter {

void AddJobMakeCommand(Command& job);       // table, model and world -> job draft
void AddPlaceCommand(Command& root);        // job draft -> placement schedule and job
void AddPlanGetCommand(Command& plan);      // one plan, from a server or planned here
void AddPlanVerifyCommand(Command& plan);   // the plans of all ranks together
void AddPlanExplainCommand(Command& plan);  // in words what plans do
void AddPlanReportCommand(Command& plan);   // and drawn, as one page
void AddProbeCommand(Command& root);        // the machine's links and devices -> topology

}  // namespace grouter

#endif  // GROUTER_TOOLS_PLAN_COMMANDS_H_
