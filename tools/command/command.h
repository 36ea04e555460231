// The frame every subcommand of `grouter` hangs in: options, results, errors and exit codes the same way
// everywhere. Hides the parser (CLI11), which is slow to compile.
#ifndef GROUTER_TOOLS_COMMAND_COMMAND_H_
#define GROUTER_TOOLS_COMMAND_COMMAND_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/command/terminal.h"

namespace grouter {

// One command or group of commands. Methods return *this, so that a command is declared as one expression.
// Values keep what they held as the default shown in --help; the pointers must outlive Parse and the action.
// Owned by its Program. One thread.
class Command {
 public:
  // What runs when the command was chosen: 0 ok, 1 a finding (a failed verification, a difference).
  using Action = std::function<absl::StatusOr<int>(Terminal&)>;

  virtual ~Command() = default;
  // A command below this one. `help` is one line.
  virtual Command& Add(const std::string& name, const std::string& help) = 0;
  // `name` is "--name"; a name without dashes is positional.
  virtual Command& Required(const std::string& name, std::string* value, const std::string& help) = 0;
  virtual Command& Required(const std::string& name, std::vector<std::string>* values,
                            const std::string& help) = 0;
  virtual Command& Option(const std::string& name, std::string* value, const std::string& help) = 0;
  virtual Command& Option(const std::string& name, std::vector<std::string>* values,
                          const std::string& help) = 0;
  virtual Command& Option(const std::string& name, uint64_t* value, const std::string& help) = 0;
  virtual Command& Option(const std::string& name, uint32_t* value, const std::string& help) = 0;
  virtual Command& Option(const std::string& name, int64_t* value, const std::string& help) = 0;
  virtual Command& Option(const std::string& name, double* value, const std::string& help) = 0;
  virtual Command& Choice(const std::string& name, std::string* value,
                          const std::vector<std::string>& choices, const std::string& help) = 0;
  virtual Command& Flag(const std::string& name, bool* value, const std::string& help) = 0;
  virtual Command& Run(Action action) = 0;
  // Text below the options in --help.
  virtual Command& Footer(const std::string& text) = 0;

  // Keeps `options` alive as long as the command and gives a pointer to them.
  template <typename Options>
  Options* Keep(Options options) {
    auto kept = std::make_shared<Options>(std::move(options));
    kept_.push_back(kept);
    return kept.get();
  }

 private:
  std::vector<std::shared_ptr<void>> kept_;
};

// The program. Every command also takes --json (results as one JSON value on stdout).
// Exit codes: 0 ok, 1 a finding, 2 wrong usage or configuration, 3 and up failures (io/error.h, ExitCode).
// Errors are one line on stderr: "grouter: error: WHAT (WHERE); FIX".
class Program {
 public:
  Program(const std::string& program, const std::string& help, const std::string& version);
  ~Program();
  Command& root();
  // Parses and runs. Results go to `out`, everything else to `err`.
  int Run(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace grouter

#endif  // GROUTER_TOOLS_COMMAND_COMMAND_H_
