// grouter: everything a person types, one subcommand per step. See docs/cli.md.
#include <iostream>
#include <string>
#include <vector>

#include "tools/command/command.h"
#include "tools/commands.h"

int main(int argc, char** argv) {
  grouter::Program program("grouter", "Routing decided before training: tables, plans, servers and runs.",
                           "grouter 1.0.0");
  grouter::AddAllCommands(program.root());
  return program.Run(std::vector<std::string>(argv + 1, argv + argc), std::cout, std::cerr);
}
