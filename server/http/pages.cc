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

std::function<HttpAnswer(const HttpCaller&)> Static(const char* type, const char* body) {
  return [type, body](const HttpCaller&) { return HttpAnswer{200, type, body}; };
}

HttpAnswer StatsJson(const StatsSources& sources, const HttpCaller& caller) {
  const absl::StatusOr<v1::GetStatsResponse> stats = TakeSnapshot(sources, "", true, caller.may_read);
  if (!stats.ok()) return {500, "text/plain; charset=utf-8", "no statistics\n"};
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  HttpAnswer answer;
  answer.type = "application/json";
  if (!google::protobuf::util::MessageToJsonString(*stats, &answer.body, options).ok()) answer.status = 500;
  return answer;
}

}  // namespace

HttpRoutes StatusRoutes(const StatsSources& sources, std::function<std::vector<LoopReport>()> loops) {
  HttpRoutes routes;
  routes["/"] = Static("text/html; charset=utf-8", kIndexHtml);
  routes["/page.css"] = Static("text/css; charset=utf-8", kPageCss);
  routes["/page.js"] = Static("text/javascript; charset=utf-8", kPageJs);
  routes["/api/stats"] = [sources](const HttpCaller& caller) { return StatsJson(sources, caller); };
  routes["/metrics"] = [sources, loops = std::move(loops)](const HttpCaller& caller) -> HttpAnswer {
    const absl::StatusOr<v1::GetStatsResponse> stats = TakeSnapshot(sources, "", false, caller.may_read);
    if (!stats.ok()) return {500, "text/plain; charset=utf-8", "no statistics\n"};
    return {200, "text/plain; version=0.0.4; charset=utf-8", MetricsText(*stats, loops())};
  };
  return routes;
}

HttpRoutes ProbeRoutes(const std::atomic<bool>* draining) {
  HttpRoutes routes;
  routes["/healthz"] = [](const HttpCaller&) { return HttpAnswer{200, "text/plain; charset=utf-8", "ok\n"}; };
  routes["/readyz"] = [draining](const HttpCaller&) {
    if (*draining) return HttpAnswer{503, "text/plain; charset=utf-8", "draining\n"};
    return HttpAnswer{200, "text/plain; charset=utf-8", "ready\n"};
  };
  return routes;
}

}  // namespace grouter
