#include "tools/commands.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/tools/command/run_program.h"

namespace grouter {
namespace {

using ::testing::HasSubstr;
using testing::Outcome;
using testing::RunProgram;

struct Help {
  std::string command;  // "grouter table pack"
  std::string text;
  bool is_group = false;
};

std::string ReadText(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::string HelpOf(std::vector<std::string> arguments) {
  arguments.push_back("--help");
  const Outcome outcome = RunProgram(AddAllCommands, arguments);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  std::vector<std::string> lines;
  for (const absl::string_view line : absl::StrSplit(absl::StripAsciiWhitespace(outcome.out), '\n')) {
    lines.emplace_back(absl::StripTrailingAsciiWhitespace(line));
  }
  return absl::StrJoin(lines, "\n");
}

// A command and all below it, in the order that --help names them.
void Collect(const std::vector<std::string>& command, std::vector<Help>& found) {
  const std::string text = HelpOf(command);
  const std::vector<std::string> parts = absl::StrSplit(text, absl::MaxSplits("\nSubcommands:\n", 1));
  const std::string name = absl::StrCat("grouter ", absl::StrJoin(command, " "));
  if (!command.empty()) found.push_back({name, text, parts.size() > 1});
  if (parts.size() == 1) return;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(parts[1], '\n'))) {
    if (line.rfind("  ", 0) != 0 || line[2] == ' ') continue;
    std::vector<std::string> below = command;
    below.push_back(line.substr(2, line.find(' ', 2) - 2));
    Collect(below, found);
  }
}

std::vector<Help> AllHelp() {
  std::vector<Help> found;
  Collect({}, found);
  EXPECT_GT(found.size(), 30u);
  return found;
}

TEST(CommandsTest, ThePageOfOptionsIsWhatHelpPrints) {
  std::string page =
      "# Every option\n\nWhat `--help` prints, command by command; [cli.md](cli.md) says what each is for. "
      "This "
      "page is made and held by\n`tests/tools/commands_test.cc`.\n";
  for (const Help& help : AllHelp()) {
    absl::StrAppend(&page, "\n## ", help.command, "\n\n```text\n", help.text, "\n```\n");
  }
  const char* outputs = std::getenv("TEST_UNDECLARED_OUTPUTS_DIR");
  const std::string made =
      absl::StrCat(outputs != nullptr ? outputs : ::testing::TempDir(), "/cli_options.md");
  testing::WriteText(made, page);
  EXPECT_EQ(ReadText("docs/cli_options.md"), page)
      << "docs/cli_options.md is out of date; what it should be: " << made;
}

TEST(CommandsTest, TheTableOfCommandsNamesEachOfThem) {
  const std::string page = ReadText("docs/cli.md");
  for (const Help& help : AllHelp()) {
    if (help.is_group) continue;
    // "| `table merge`, `slice` |": a group's name is written once.
    const std::vector<std::string> words = absl::StrSplit(help.command, ' ');
    bool named = false;
    for (const std::string& line : std::vector<std::string>(absl::StrSplit(page, '\n'))) {
      const std::string row = line.substr(0, line.find('|', 1));
      named = named || (line.rfind(absl::StrCat("| `", words[1]), 0) == 0 &&
                        (absl::StrContains(row, absl::StrCat("`", words.back(), "`")) ||
                         absl::StrContains(row, absl::StrCat(" ", words.back(), "`"))));
      // "| `fold`, `expand` |"
      named = named || (words.size() == 2 && line.rfind("| `", 0) == 0 &&
                        absl::StrContains(row, absl::StrCat("`", words[1], "`")));
    }
    EXPECT_TRUE(named) << help.command << " is missing in docs/cli.md";
  }
}

TEST(CommandsTest, TheOverviewListsThem) {
  const std::string overview = HelpOf({});
  for (const char* name : {"corpus", "distill", "place", "run", "table"})
    EXPECT_THAT(overview, HasSubstr(name));
}

}  // namespace
}  // namespace grouter
