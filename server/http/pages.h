// What the two HTTP listeners answer: metrics and the status page, and the probes.
#ifndef GROUTER_SERVER_HTTP_PAGES_H_
#define GROUTER_SERVER_HTTP_PAGES_H_

#include <atomic>
#include <functional>
#include <vector>

#include "server/http/http_listener.h"
#include "server/stats/snapshot.h"

namespace grouter {

// "/", its script and style, "/api/stats" and "/metrics". `sources` outlive the routes.
HttpRoutes StatusRoutes(const StatsSources& sources, std::function<std::vector<LoopReport>()> loops);
// "/healthz": the process answers. "/readyz": 503 from the begin of draining.
HttpRoutes ProbeRoutes(const std::atomic<bool>* draining);

}  // namespace grouter

#endif  // GROUTER_SERVER_HTTP_PAGES_H_
