#include "server/http/pages.h"

#include "httplib.h"
#include "tests/server/stream/raw_client.h"

namespace grouter {
namespace {

class PagesTest : public RawClientTest {
 protected:
  void ServeWithPages() {
    server::ServerConfig config = testing::TestConfig(job_.root);
    config.set_http("127.0.0.1:0");
    config.set_probe("127.0.0.1:0");
    ServeWithJob(config);
    for (uint64_t step = 0; step < 6; ++step) {
      grpc::ClientContext context;
      v1::GetPlanRequest request;
      request.set_job_digest(digest_);
      request.set_step(step);
      const auto reader = plans_->GetPlan(&context, request);
      v1::GetPlanResponse response;
      while (reader->Read(&response)) {
      }
      ASSERT_TRUE(reader->Finish().ok());
    }
  }
  httplib::Client Http() { return httplib::Client("http://" + server_->http_address()); }
};

TEST_F(PagesTest, ServesMetricsStatisticsAndThePage) {
  ServeWithPages();
  httplib::Client client = Http();
  EXPECT_NE(client.Get("/metrics")->body.find("grouter_job_newest_step{"), std::string::npos);
  EXPECT_NE(client.Get("/api/stats")->body.find("\"steps_counted\":\"6\""), std::string::npos);
  const std::string page = client.Get("/")->body;
  EXPECT_NE(page.find("page.js"), std::string::npos);
  EXPECT_EQ(page.find("http://"), std::string::npos);
  EXPECT_EQ(page.find("https://"), std::string::npos);
  EXPECT_EQ(client.Get("/page.js")->body.find("innerHTML"), std::string::npos);
  EXPECT_EQ(client.Get("/page.css")->status, 200);
}

TEST_F(PagesTest, ReadinessEndsWhenDrainingBegins) {
  ServeWithPages();
  httplib::Client client("http://" + server_->probe_address());
  EXPECT_EQ(client.Get("/healthz")->status, 200);
  EXPECT_EQ(client.Get("/readyz")->status, 200);
  server_->BeginDrain();
  EXPECT_EQ(client.Get("/readyz")->status, 503);
  EXPECT_EQ(client.Get("/healthz")->status, 200);
  EXPECT_EQ(client.Get("/metrics")->status, 404);
}

}  // namespace
}  // namespace grouter
