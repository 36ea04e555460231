// One HTTP listener: its socket, its threads and what it answers.
#ifndef GROUTER_SERVER_HTTP_HTTP_LISTENER_H_
#define GROUTER_SERVER_HTTP_HTTP_LISTENER_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace grouter {

struct HttpAnswer {
  int status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
};

// GET paths and what answers them, from any of the listener's threads.
using HttpRoutes = std::map<std::string, std::function<HttpAnswer()>>;

// Every answer carries a strict content security policy. The destructor stops it.
class HttpListener {
 public:
  // `address` is host:port, port 0: any. FAILED_PRECONDITION when the port is in use.
  static absl::StatusOr<std::unique_ptr<HttpListener>> Start(const std::string& address, HttpRoutes routes,
                                                             int num_threads);
  virtual ~HttpListener() = default;
  // "host:port" with the real port.
  virtual const std::string& address() const = 0;
};

}  // namespace grouter

#endif  // GROUTER_SERVER_HTTP_HTTP_LISTENER_H_
