// Runs one subcommand inside a test, as the program would.
#ifndef GROUTER_TESTS_TOOLS_COMMAND_RUN_PROGRAM_H_
#define GROUTER_TESTS_TOOLS_COMMAND_RUN_PROGRAM_H_

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "io/json.h"
#include "tools/command/command.h"

namespace grouter {
namespace testing {

struct Outcome {
  int exit_code = -1;
  std::string out, err;
  nlohmann::json json() const { return ParseJson(out); }
};

// `add` registers the command(s) at the root.
template <typename Add>
Outcome RunProgram(Add add, const std::vector<std::string>& arguments) {
  Program program("grouter", "test", "0");
  add(program.root());
  std::ostringstream out, err;
  Outcome outcome;
  outcome.exit_code = program.Run(arguments, out, err);
  outcome.out = out.str();
  outcome.err = err.str();
  return outcome;
}

// As above, for a command that hangs below a group.
template <typename Add>
Outcome RunInGroup(const std::string& group, Add add, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), group);
  return RunProgram([&](Command& root) { add(root.Add(group, "group")); }, arguments);
}

// An empty folder of this test's own.
inline std::string FreshFolder() {
  const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
  const std::string path = ::testing::TempDir() + "/" + info->test_suite_name() + "_" + info->name();
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path);
  return path;
}

inline void WriteText(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

}  // namespace testing
}  // namespace grouter

#endif  // GROUTER_TESTS_TOOLS_COMMAND_RUN_PROGRAM_H_
