// Bare TCP sockets on loopback.
#ifndef GROUTER_TESTS_FAULT_LOOPBACK_H_
#define GROUTER_TESTS_FAULT_LOOPBACK_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace grouter {
namespace testing {

// Of "host:port".
int PortOf(const std::string& address);
// A connected blocking socket, or -1.
int Dial(int port);
// True when all bytes were taken; false once the peer is gone.
bool SendAll(int fd, absl::string_view bytes);
// Everything until the peer closes or `timeout_ms` passes without a byte.
std::string ReadToEnd(int fd, int timeout_ms, bool* closed);

}  // namespace testing
}  // namespace grouter

#endif  // GROUTER_TESTS_FAULT_LOOPBACK_H_
