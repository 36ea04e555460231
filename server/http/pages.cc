#include "server/http/pages.h"

#include <utility>

#include "google/protobuf/util/json_util.h"
#include "server/http/metrics.h"

namespace grouter {
namespace {

constexpr char kIndexHtml[] =
#include "server/http/page/index.html.inc"
    ;
constexpr char kPageCss[] =
#include "server/http/page/page.css.inc"
    ;
constexpr char kPageJs[] =
#include "server/http/page/page.js.inc"
    ;

std::function<HttpAnswer()> Static(const char* type, const char* body) {
  return [type, body] { return HttpAnswer{200, type, body}; };
}

HttpAnswer StatsJson(const StatsSources& sources) {
  const absl::StatusOr<v1::GetStatsResponse> stats = TakeSnapshot(sources, "", true);
  if (!stats.ok()) return {500, "text/plain; charset=utf-8", "no statistics\n"};
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  HttpAnswer answer;
  answer.type = "application/json";
  if (!google::protobuf::util::MessageToJsonString(*stats, &answer.body, options).ok()) answer.status = 500;
  return answer;
}

}  // namespace

HttpRoutes StatusRoutes(const StatsSources& sources,
                        std::function<std::map<std::string, uint64_t>()> heartbeats) {
  HttpRoutes routes;
  routes["/"] = Static("text/html; charset=utf-8", kIndexHtml);
  routes["/page.css"] = Static("text/css; charset=utf-8", kPageCss);
  routes["/page.js"] = Static("text/javascript; charset=utf-8", kPageJs);
  routes["/api/stats"] = [sources] { return StatsJson(sources); };
  routes["/metrics"] = [sources, heartbeats = std::move(heartbeats)]() -> HttpAnswer {
    const absl::StatusOr<v1::GetStatsResponse> stats = TakeSnapshot(sources, "", false);
    if (!stats.ok()) return {500, "text/plain; charset=utf-8", "no statistics\n"};
    return {200, "text/plain; version=0.0.4; charset=utf-8", MetricsText(*stats, heartbeats())};
  };
  return routes;
}

HttpRoutes ProbeRoutes(const std::atomic<bool>* draining) {
  HttpRoutes routes;
  routes["/healthz"] = [] { return HttpAnswer{200, "text/plain; charset=utf-8", "ok\n"}; };
  routes["/readyz"] = [draining] {
    if (*draining) return HttpAnswer{503, "text/plain; charset=utf-8", "draining\n"};
    return HttpAnswer{200, "text/plain; charset=utf-8", "ready\n"};
  };
  return routes;
}

}  // namespace grouter
