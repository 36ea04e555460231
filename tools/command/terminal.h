// What a command says: results on one stream, progress and remarks on the other.
#ifndef GROUTER_TOOLS_COMMAND_TERMINAL_H_
#define GROUTER_TOOLS_COMMAND_TERMINAL_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>

#include "absl/strings/string_view.h"

namespace grouter {

// One thread. The streams must outlive it.
class Terminal {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;
  Terminal(std::ostream& out, std::ostream& err, bool json, Clock clock = std::chrono::steady_clock::now)
      : out_(out), err_(err), json_(json), clock_(std::move(clock)) {}

  bool json() const { return json_; }
  // A command's result: `people` is text with its line ends, `machine` a JSON value; one of them is printed.
  void Result(absl::string_view people, absl::string_view machine);
  // A remark on the error stream, one line.
  void Log(absl::string_view line);
  // A function for progress callbacks: prints "LABEL: 42 % (done of total UNIT)" at most every two seconds
  // and never for work that ends sooner. Owned by the caller, valid as long as the Terminal.
  std::function<void(uint64_t done, uint64_t total)> Progress(std::string label, std::string unit);

 private:
  std::ostream& out_;
  std::ostream& err_;
  bool json_;
  Clock clock_;
};

// 1234567 -> "1,234,567".
std::string Grouped(uint64_t number);
// 1,536 -> "1.5 KiB".
std::string HumanBytes(uint64_t bytes);
// 75 s -> "1 min 15 s".
std::string HumanSeconds(double seconds);

}  // namespace grouter

#endif  // GROUTER_TOOLS_COMMAND_TERMINAL_H_
