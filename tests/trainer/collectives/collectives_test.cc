#include "trainer/collectives/collectives.h"

#include <gtest/gtest.h>

#include "trainer/collectives/in_process.h"

namespace grouter {
namespace {

TEST(Collectives, AllToAllStartsAndWaits) {
  auto world = std::move(MakeInProcessCollectives(1)[0]);
  const std::vector<uint32_t> rows = {3};
  const std::vector<double> send = {1, 2, 3};
  std::vector<double> recv(3, 0);
  RowExchange exchange;
  exchange.row_bytes = sizeof(double);
  exchange.send = send.data();
  exchange.send_rows = rows;
  exchange.recv = recv.data();
  exchange.recv_rows = rows;
  ASSERT_TRUE(world->AllToAll(exchange).ok());
  EXPECT_EQ(recv, send);
}

}  // namespace
}  // namespace grouter
