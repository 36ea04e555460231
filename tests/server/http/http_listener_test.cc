#include "server/http/http_listener.h"

#include "gtest/gtest.h"
#include "httplib.h"

namespace grouter {
namespace {

HttpRoutes OneRoute() {
  HttpRoutes routes;
  routes["/x"] = [](const HttpCaller&) { return HttpAnswer{200, "text/plain", "there"}; };
  routes["/busy"] = [](const HttpCaller&) { return HttpAnswer{503, "text/plain", "later"}; };
  return routes;
}

TEST(HttpListenerTest, AnswersItsRoutesWithAStrictPolicy) {
  const auto listener = HttpListener::Start("127.0.0.1:0", OneRoute());
  ASSERT_TRUE(listener.ok()) << listener.status();
  httplib::Client client("http://" + (*listener)->address());
  const auto found = client.Get("/x");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->body, "there");
  EXPECT_NE(found->get_header_value("Content-Security-Policy").find("default-src 'none'"), std::string::npos);
  EXPECT_EQ(client.Get("/busy")->status, 503);
  EXPECT_EQ(client.Get("/nowhere")->status, 404);
  EXPECT_EQ(client.Get("/../etc/passwd")->status, 404);
}

TEST(HttpListenerTest, APortInUseIsAClearError) {
  const auto first = HttpListener::Start("127.0.0.1:0", OneRoute());
  ASSERT_TRUE(first.ok());
  const auto second = HttpListener::Start((*first)->address(), OneRoute());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(HttpListener::Start("nonsense", OneRoute()).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace grouter
