// JSON text to values. nlohmann's parser is a template: a source that calls it compiles 3 s longer.
#ifndef GROUTER_IO_JSON_H_
#define GROUTER_IO_JSON_H_

#include <nlohmann/json.hpp>

#include "absl/strings/string_view.h"

namespace grouter {

// The one value that `text` is; is_discarded() when it is not JSON. Never throws. Of two members with one
// name the last counts. Any thread.
nlohmann::json ParseJson(absl::string_view text);
// As above; members stay in the text's order.
nlohmann::ordered_json ParseOrderedJson(absl::string_view text);

}  // namespace grouter

#endif  // GROUTER_IO_JSON_H_
