#include "tools/command/command.h"

#include <CLI/CLI.hpp>
#include <utility>

#include "io/error.h"

namespace grouter {
namespace {

class ParsedCommand final : public Command {
 public:
  ParsedCommand(CLI::App* app, const Action** chosen) : app_(app), chosen_(chosen) {}

  Command& Add(const std::string& name, const std::string& help) override {
    CLI::App* app = app_->add_subcommand(name, help);
    app_->require_subcommand(1);
    children_.push_back(std::make_unique<ParsedCommand>(app, chosen_));
    return *children_.back();
  }
  Command& Required(const std::string& name, std::string* value, const std::string& help) override {
    app_->add_option(name, *value, help)->required();
    return *this;
  }
  Command& Required(const std::string& name, std::vector<std::string>* values,
                    const std::string& help) override {
    app_->add_option(name, *values, help)->required();
    return *this;
  }
  Command& Option(const std::string& name, std::string* value, const std::string& help) override {
    return AddOption(name, value, help);
  }
  Command& Option(const std::string& name, std::vector<std::string>* values,
                  const std::string& help) override {
    return AddOption(name, values, help);
  }
  Command& Option(const std::string& name, uint64_t* value, const std::string& help) override {
    return AddOption(name, value, help);
  }
  Command& Option(const std::string& name, uint32_t* value, const std::string& help) override {
    return AddOption(name, value, help);
  }
  Command& Option(const std::string& name, int64_t* value, const std::string& help) override {
    return AddOption(name, value, help);
  }
  Command& Option(const std::string& name, double* value, const std::string& help) override {
    return AddOption(name, value, help);
  }
  Command& Choice(const std::string& name, std::string* value, const std::vector<std::string>& choices,
                  const std::string& help) override {
    app_->add_option(name, *value, help)->check(CLI::IsMember(choices))->capture_default_str();
    return *this;
  }
  Command& Flag(const std::string& name, bool* value, const std::string& help) override {
    app_->add_flag(name, *value, help);
    return *this;
  }
  Command& Run(Action action) override {
    action_ = std::move(action);
    app_->callback([this] { *chosen_ = &action_; });
    return *this;
  }
  Command& Footer(const std::string& text) override {
    app_->footer(text);
    return *this;
  }

 private:
  template <typename T>
  Command& AddOption(const std::string& name, T* value, const std::string& help) {
    app_->add_option(name, *value, help)->capture_default_str();
    return *this;
  }

  CLI::App* app_;
  const Action** chosen_;
  Action action_;
  std::vector<std::unique_ptr<ParsedCommand>> children_;
};

// Several lines (all problems of a configuration, say) stay several lines.
void PrintError(std::ostream& err, const std::string& program, absl::string_view message) {
  err << program << ": error: " << message << std::endl;
}

}  // namespace

struct Program::State {
  State(const std::string& name, const std::string& help)
      : program(name), app(help, name), root(&app, &chosen) {}
  std::string program;
  CLI::App app;
  const Command::Action* chosen = nullptr;
  ParsedCommand root;
  bool json = false;
};

Program::Program(const std::string& program, const std::string& help, const std::string& version)
    : state_(std::make_unique<State>(program, help)) {
  state_->app.fallthrough();
  state_->app.add_flag("--json", state_->json, "print results as JSON");
  state_->app.set_version_flag("--version", version);
}

Program::~Program() = default;

Command& Program::root() { return state_->root; }

int Program::Run(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
  try {
    state_->app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::Success& success) {  // --help, --version
    return state_->app.exit(success, out, err);
  } catch (const CLI::ParseError& error) {
    const CLI::App* at = &state_->app;
    std::string path = state_->program;
    while (!at->get_subcommands().empty()) {
      at = at->get_subcommands().front();
      path += " " + at->get_name();
    }
    PrintError(err, state_->program, std::string(error.what()) + "; see " + path + " --help");
    return 2;
  }
  Terminal terminal(out, err, state_->json);
  GROUTER_CHECK(state_->chosen != nullptr);
  const absl::StatusOr<int> result = (*state_->chosen)(terminal);
  if (!result.ok()) {
    PrintError(err, state_->program, result.status().message());
    return ExitCode(result.status());
  }
  out.flush();
  if (!out) {
    PrintError(err, state_->program,
               "the result could not be written (stdout); check where it goes and its disk");
    return 3;
  }
  return *result;
}

}  // namespace grouter
