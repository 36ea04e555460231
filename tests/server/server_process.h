// The real grouter_server in a process of its own.
#ifndef GROUTER_TESTS_SERVER_SERVER_PROCESS_H_
#define GROUTER_TESTS_SERVER_SERVER_PROCESS_H_

#include <sys/types.h>

#include <string>
#include <vector>

namespace grouter {
namespace testing {

// Killed with the object. One thread at a time.
class ServerProcess {
 public:
  // Starts and waits until it says where it listens; address() is "" when it ended instead.
  explicit ServerProcess(const std::vector<std::string>& arguments);
  ~ServerProcess();
  const std::string& address() const { return address_; }
  pid_t pid() const { return pid_; }
  void Signal(int signal);
  // Waits for the end: the exit code, or 128 + the signal that ended it.
  int Wait();

 private:
  pid_t pid_ = -1;
  int output_ = -1;
  std::string address_;
};

}  // namespace testing
}  // namespace grouter

#endif  // GROUTER_TESTS_SERVER_SERVER_PROCESS_H_
