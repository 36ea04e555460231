#include "server/http/http_listener.h"

#include <sys/socket.h>

#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "httplib.h"
#include "io/error.h"

namespace grouter {
namespace {

constexpr int kIdleSeconds = 5;
constexpr size_t kMaxBodyBytes = 4096;  // of a request: there are only GETs

class HttplibListener : public HttpListener {
 public:
  ~HttplibListener() override {
    server_.stop();
    if (thread_.joinable()) thread_.join();
  }

  absl::Status Begin(const std::string& address, const HttpRoutes& routes, int num_threads) {
    const size_t colon = address.rfind(':');
    int port = 0;
    if (colon == std::string::npos || !absl::SimpleAtoi(address.substr(colon + 1), &port)) {
      return Error(absl::StatusCode::kInvalidArgument, "not an address to listen at", address,
                   "Give host:port.");
    }
    const std::string host = address.substr(0, colon);
    server_.new_task_queue = [num_threads] { return new httplib::ThreadPool(num_threads); };
    server_.set_socket_options([](int socket) {  // without SO_REUSEPORT, which is the library's default
      const int one = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    });
    server_.set_read_timeout(kIdleSeconds);
    server_.set_write_timeout(kIdleSeconds);
    server_.set_keep_alive_timeout(kIdleSeconds);
    server_.set_payload_max_length(kMaxBodyBytes);
    server_.set_default_headers(
        {{"Content-Security-Policy",
          "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
          "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
         {"X-Content-Type-Options", "nosniff"},
         {"Referrer-Policy", "no-referrer"},
         {"Cache-Control", "no-store"}});
    for (const auto& [path, answer] : routes) {
      server_.Get(path, [answer = answer](const httplib::Request&, httplib::Response& response) {
        HttpAnswer said = answer();
        response.status = said.status;
        response.set_content(std::move(said.body), said.type.c_str());
      });
    }
    if (port == 0) {
      port = server_.bind_to_any_port(host.c_str());
    } else if (!server_.bind_to_port(host.c_str(), port)) {
      port = -1;
    }
    if (port <= 0) {
      return Error(absl::StatusCode::kFailedPrecondition, "the address is in use or not of this machine",
                   address, "Choose another port, or end the process that has it.");
    }
    address_ = absl::StrCat(host, ":", port);
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();  // stop() before that would be lost
    return absl::OkStatus();
  }
  const std::string& address() const override { return address_; }

 private:
  httplib::Server server_;
  std::thread thread_;
  std::string address_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpListener>> HttpListener::Start(const std::string& address,
                                                                  HttpRoutes routes, int num_threads) {
  auto listener = std::make_unique<HttplibListener>();
  GROUTER_RETURN_IF_ERROR(listener->Begin(address, routes, num_threads));
  return std::unique_ptr<HttpListener>(std::move(listener));
}

}  // namespace grouter
