// The table of numbers: which field of which step's result is shown, in which words.
#ifndef GROUTER_TOOLS_REPORT_NUMBER_ROWS_H_
#define GROUTER_TOOLS_REPORT_NUMBER_ROWS_H_

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace grouter {

struct NumberRow {
  std::string group;
  std::string name;
  std::string value;
};

// The JSON result of a step by its name, or null when there is none.
using StepResults = std::function<const nlohmann::json*(const std::string& step)>;

// Rows in a fixed order; a field that is missing or no number leaves its row out.
std::vector<NumberRow> NumberRows(const StepResults& results);

}  // namespace grouter

#endif  // GROUTER_TOOLS_REPORT_NUMBER_ROWS_H_
