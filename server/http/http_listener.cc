#include "server/http/http_listener.h"

#include <sys/socket.h>

#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "httplib.h"
#include "io/error.h"
#include "server/http/tls_context.h"

namespace grouter {
namespace {

constexpr int kIdleSeconds = 5;
constexpr size_t kMaxBodyBytes = 4096;  // of a request: there are only GETs

std::unique_ptr<httplib::Server> MakeServer(const std::shared_ptr<const CertificateStore>& certificates) {
  if (certificates == nullptr) return std::make_unique<httplib::Server>();
  return std::make_unique<httplib::SSLServer>(
      [certificates](SSL_CTX& context) { return PrepareTlsContext(&context, certificates); });
}

class HttplibListener : public HttpListener {
 public:
  explicit HttplibListener(HttpOptions options)
      : options_(std::move(options)), server_(MakeServer(options_.certificates)) {}
  ~HttplibListener() override {
    server_->stop();
    if (thread_.joinable()) thread_.join();
  }

  absl::Status Begin(const std::string& address, const HttpRoutes& routes) {
    const size_t colon = address.rfind(':');
    int port = 0;
    if (colon == std::string::npos || !absl::SimpleAtoi(address.substr(colon + 1), &port)) {
      return Error(absl::StatusCode::kInvalidArgument, "not an address to listen at", address,
                   "Give host:port.");
    }
    const std::string host = address.substr(0, colon);
    server_->new_task_queue = [threads = options_.num_threads] { return new httplib::ThreadPool(threads); };
    server_->set_socket_options([](int socket) {  // without SO_REUSEPORT, which is the library's default
      const int one = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    });
    server_->set_read_timeout(kIdleSeconds);
    server_->set_write_timeout(kIdleSeconds);
    server_->set_keep_alive_timeout(kIdleSeconds);
    server_->set_payload_max_length(kMaxBodyBytes);
    server_->set_default_headers(
        {{"Content-Security-Policy",
          "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
          "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
         {"X-Content-Type-Options", "nosniff"},
         {"Referrer-Policy", "no-referrer"},
         {"Cache-Control", "no-store"}});
    for (const auto& [path, answer] : routes) {
      server_->Get(path,
                   [this, answer = answer](const httplib::Request& request, httplib::Response& response) {
                     const Heartbeat::Round round(&heartbeat_);
                     Answer(request, answer, &response);
                   });
    }
    if (!server_->is_valid()) return Error(absl::StatusCode::kInternal, "TLS did not start", address);
    if (port == 0) {
      port = server_->bind_to_any_port(host.c_str());
    } else if (!server_->bind_to_port(host.c_str(), port)) {
      port = -1;
    }
    if (port <= 0) {
      return Error(absl::StatusCode::kFailedPrecondition, "the address is in use or not of this machine",
                   address, "Choose another port, or end the process that has it.");
    }
    address_ = absl::StrCat(host, ":", port);
    thread_ = std::thread([this] { server_->listen_after_bind(); });
    while (!server_->is_running()) std::this_thread::yield();  // stop() before that would be lost
    return absl::OkStatus();
  }
  const std::string& address() const override { return address_; }
  const Heartbeat& heartbeat() const override { return heartbeat_; }

 private:
  void Answer(const httplib::Request& request, const std::function<HttpAnswer(const HttpCaller&)>& answer,
              httplib::Response* response) {
    absl::StatusOr<HttpCaller> caller = HttpCaller();
    if (options_.admit != nullptr) caller = options_.admit(request.get_header_value("Authorization"));
    if (caller.ok()) {
      HttpAnswer said = answer(*caller);
      response->status = said.status;
      response->set_content(std::move(said.body), said.type.c_str());
      return;
    }
    response->status = absl::IsUnauthenticated(caller.status()) ? 401 : 403;
    if (response->status == 401) {
      response->set_header("WWW-Authenticate", "Basic realm=\"Grouter\", charset=\"UTF-8\"");
    }
    response->set_content(std::string(caller.status().message()) + "\n", "text/plain; charset=utf-8");
  }

  const HttpOptions options_;
  const std::unique_ptr<httplib::Server> server_;
  Heartbeat heartbeat_;
  std::thread thread_;
  std::string address_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpListener>> HttpListener::Start(const std::string& address,
                                                                  HttpRoutes routes, HttpOptions options) {
  auto listener = std::make_unique<HttplibListener>(std::move(options));
  GROUTER_RETURN_IF_ERROR(listener->Begin(address, routes));
  return std::unique_ptr<HttpListener>(std::move(listener));
}

}  // namespace grouter
