// Reads the fields of one JSON object strictly: a wrong type, a value out of range, a missing required
// field and a field nobody asked for are problems, all listed at once.
#ifndef GROUTER_ROUTING_PLANNING_JSON_FIELDS_H_
#define GROUTER_ROUTING_PLANNING_JSON_FIELDS_H_

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "io/digest.h"
#include "routing/planning/problems.h"

namespace grouter {

// Keeps field order as written, so that what people read is in the order of the struct.
using Json = nlohmann::ordered_json;

// INVALID_ARGUMENT with the byte offset for text that is not JSON or nests too deep for these files.
absl::StatusOr<Json> ParseJson(absl::string_view text, absl::string_view where);

// One object; both arguments outlive it. `path` names the object in problems ("batch"). Fields that are not
// there leave the target as it is, unless `required`. The destructor reports the fields nobody asked for.
class JsonFields {
 public:
  JsonFields(const Json& object, std::string path, Problems* problems);
  ~JsonFields();
  JsonFields(const JsonFields&) = delete;
  JsonFields& operator=(const JsonFields&) = delete;

  void Read(const char* name, uint64_t* value, bool required = false) {
    ReadUnsigned(name, value, std::numeric_limits<uint64_t>::max(), required);
  }
  void Read(const char* name, uint32_t* value, bool required = false) {
    uint64_t wide = *value;
    if (ReadUnsigned(name, &wide, std::numeric_limits<uint32_t>::max(), required)) {
      *value = static_cast<uint32_t>(wide);
    }
  }
  void Read(const char* name, bool* value);
  void Read(const char* name, std::string* value, bool required = false);
  void Read(const char* name, std::vector<uint32_t>* value, bool required = false);
  void Read(const char* name, Digest* value, bool required = false);
  // One of `names`; the value becomes the index.
  template <typename Enum>
  void ReadEnum(const char* name, const std::vector<std::string>& names, Enum* value) {
    int index = ReadName(name, names);
    if (index >= 0) *value = static_cast<Enum>(index);
  }
  // The object or array of that name, or nullptr; a problem when it is neither, or required and absent.
  const Json* Child(const char* name, bool required = false);

  std::string PathOf(absl::string_view name) const;

 private:
  const Json* Find(const char* name, bool required);
  bool ReadUnsigned(const char* name, uint64_t* value, uint64_t largest, bool required);
  int ReadName(const char* name, const std::vector<std::string>& names);

  const Json& object_;
  std::string path_;
  Problems* problems_;
  std::set<std::string> asked_;
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_JSON_FIELDS_H_
