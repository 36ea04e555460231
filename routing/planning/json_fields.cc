#include "routing/planning/json_fields.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "io/error.h"

namespace grouter {
namespace {

constexpr int kDeepest = 16;

// Depth without recursion or a parse: a hostile file of brackets must not reach the parser's stack.
bool NestsTooDeep(absl::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kDeepest) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

}  // namespace

absl::StatusOr<Json> ParseJson(absl::string_view text, absl::string_view where) {
  if (NestsTooDeep(text)) {
    return Error(absl::StatusCode::kInvalidArgument, absl::StrCat("JSON nests deeper than ", kDeepest), where,
                 "use the documented form");
  }
  std::string what;
  try {
    return Json::parse(text.begin(), text.end());
  } catch (const Json::exception& e) {
    what = e.what();
  }
  return Error(absl::StatusCode::kInvalidArgument, absl::StrCat("not JSON: ", what), where,
               "correct the file");
}

JsonFields::JsonFields(const Json& object, std::string path, Problems* problems)
    : object_(object), path_(std::move(path)), problems_(problems) {
  if (!object_.is_object()) {
    problems_->Add(absl::StrCat(path_.empty() ? "the document" : path_, " is not a JSON object"),
                   "write { ... }");
  }
}

JsonFields::~JsonFields() {
  if (!object_.is_object()) return;
  for (const auto& item : object_.items()) {
    if (asked_.count(item.key()) == 0) {
      problems_->Add(absl::StrCat("unknown field ", PathOf(item.key())),
                     absl::StrCat("remove it or use one of: ", absl::StrJoin(asked_, ", ")));
    }
  }
}

std::string JsonFields::PathOf(absl::string_view name) const {
  return path_.empty() ? std::string(name) : absl::StrCat(path_, ".", name);
}

const Json* JsonFields::Find(const char* name, bool required) {
  asked_.insert(name);
  if (!object_.is_object()) return nullptr;
  const auto it = object_.find(name);
  if (it != object_.end()) return &*it;
  if (required) problems_->Add(absl::StrCat(PathOf(name), " is missing"), "add it");
  return nullptr;
}

const Json* JsonFields::Child(const char* name, bool required) {
  const Json* value = Find(name, required);
  if (value == nullptr || value->is_structured()) return value;
  problems_->Add(absl::StrCat(PathOf(name), " is neither an object nor an array"),
                 "write { ... } or [ ... ]");
  return nullptr;
}

bool JsonFields::ReadUnsigned(const char* name, uint64_t* value, uint64_t largest, bool required) {
  const Json* json = Find(name, required);
  if (json == nullptr) return false;
  const bool whole = json->is_number_unsigned() || (json->is_number_integer() && json->get<int64_t>() >= 0);
  if (!whole || json->get<uint64_t>() > largest) {
    problems_->Add(
        absl::StrCat(PathOf(name), " = ", json->dump(-1, ' ', false, Json::error_handler_t::replace),
                     " is not a whole number from 0 to ", largest),
        "write a whole number without quotes");
    return false;
  }
  *value = json->get<uint64_t>();
  return true;
}

void JsonFields::Read(const char* name, bool* value) {
  const Json* json = Find(name, false);
  if (json == nullptr) return;
  if (json->is_boolean()) {
    *value = json->get<bool>();
  } else {
    problems_->Add(absl::StrCat(PathOf(name), " is not a boolean"), "write true or false");
  }
}

void JsonFields::Read(const char* name, std::string* value, bool required) {
  const Json* json = Find(name, required);
  if (json == nullptr) return;
  if (json->is_string()) {
    *value = json->get<std::string>();
  } else {
    problems_->Add(absl::StrCat(PathOf(name), " is not a string"), "put it in double quotes");
  }
}

void JsonFields::Read(const char* name, std::vector<uint32_t>* value, bool required) {
  const Json* json = Find(name, required);
  if (json == nullptr) return;
  bool good = json->is_array();
  std::vector<uint32_t> read;
  if (good) {
    for (const Json& item : *json) {
      good = good && item.is_number_unsigned() && item.get<uint64_t>() <= UINT32_MAX;
      if (good) read.push_back(item.get<uint32_t>());
    }
  }
  if (good) {
    *value = std::move(read);
  } else {
    problems_->Add(absl::StrCat(PathOf(name), " is not an array of whole numbers"), "write [0, 1, ...]");
  }
}

void JsonFields::Read(const char* name, Digest* value, bool required) {
  std::string hex;
  const Json* json = Find(name, required);
  if (json == nullptr) return;
  if (json->is_string()) hex = json->get<std::string>();
  auto digest = Digest::FromHex(hex);
  if (digest.ok()) {
    *value = *digest;
  } else {
    problems_->Add(absl::StrCat(PathOf(name), " is not a digest"), "write 64 hexadecimal digits");
  }
}

int JsonFields::ReadName(const char* name, const std::vector<std::string>& names) {
  const Json* json = Find(name, false);
  if (json == nullptr) return -1;
  if (json->is_string()) {
    for (size_t i = 0; i < names.size(); ++i) {
      if (json->get<std::string>() == names[i]) return static_cast<int>(i);
    }
  }
  problems_->Add(absl::StrCat(PathOf(name), " is not a known name"),
                 absl::StrCat("use one of: ", absl::StrJoin(names, ", ")));
  return -1;
}

}  // namespace grouter
