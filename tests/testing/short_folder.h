// A folder with a short path, for unix sockets: those have 107 bytes at most.
#ifndef GROUTER_TESTS_TESTING_SHORT_FOLDER_H_
#define GROUTER_TESTS_TESTING_SHORT_FOLDER_H_

#include <cstdlib>
#include <string>

#include "io/error.h"
#include "io/file.h"

namespace grouter {
namespace testing {

// Made when it is first asked for, removed with the object.
class ShortFolder {
 public:
  ShortFolder() = default;
  ShortFolder(const ShortFolder&) = delete;
  ~ShortFolder() {
    if (!path_.empty()) GROUTER_CHECK(FileSystem::Local().RemoveTree(path_).ok());
  }
  const std::string& path() {
    if (path_.empty()) {
      path_ = "/tmp/grouter.XXXXXX";
      GROUTER_CHECK(mkdtemp(&path_[0]) != nullptr);
    }
    return path_;
  }

 private:
  std::string path_;
};

}  // namespace testing
}  // namespace grouter

#endif  // GROUTER_TESTS_TESTING_SHORT_FOLDER_H_
