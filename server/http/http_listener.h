// One HTTP listener: its socket, its threads, whom it lets in and what it answers.
#ifndef GROUTER_SERVER_HTTP_HTTP_LISTENER_H_
#define GROUTER_SERVER_HTTP_HTTP_LISTENER_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/security/certificate_store.h"
#include "server/stats/heartbeat.h"

namespace grouter {

struct HttpAnswer {
  int status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
};

// Whom an answer is for. `may_read` is asked with a table's path; empty: every table.
struct HttpCaller {
  std::function<bool(absl::string_view table)> may_read;
};

// GET paths and what answers them, from any of the listener's threads.
using HttpRoutes = std::map<std::string, std::function<HttpAnswer(const HttpCaller&)>>;

struct HttpOptions {
  int num_threads = 2;
  // TLS with the store's current set at each handshake; null: plain HTTP.
  std::shared_ptr<const CertificateStore> certificates;
  // Who has sent this Authorization header; an error is answered with 401 (UNAUTHENTICATED) or 403. Empty:
  // nobody is asked.
  std::function<absl::StatusOr<HttpCaller>(const std::string& authorization)> admit;
};

// Every answer carries a strict content security policy. The destructor stops it.
class HttpListener {
 public:
  // `address` is host:port, port 0: any. FAILED_PRECONDITION when the port is in use.
  static absl::StatusOr<std::unique_ptr<HttpListener>> Start(const std::string& address, HttpRoutes routes,
                                                             HttpOptions options = {});
  virtual ~HttpListener() = default;
  // "host:port" with the real port.
  virtual const std::string& address() const = 0;
  // A round is an answer. With several threads: of the one that began last.
  virtual const Heartbeat& heartbeat() const = 0;
};

}  // namespace grouter

#endif  // GROUTER_SERVER_HTTP_HTTP_LISTENER_H_
