// Table files that shrink or are overwritten under two servers: no server dies, and a client goes on with the
// one whose table is whole.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <functional>

#include "client/grpc_plan_source.h"
#include "gtest/gtest.h"
#include "tests/server/server_process.h"
#include "tests/testing/serving/served_job.h"

namespace grouter {
namespace {

std::vector<std::string> ShardsOf(const std::string& table) {
  std::vector<std::string> shards;
  const auto names = FileSystem::Local().List(table);
  EXPECT_TRUE(names.ok());
  for (const std::string& name : *names) {
    if (name != "MANIFEST") shards.push_back(JoinPath(table, name));
  }
  return shards;
}

constexpr uint64_t kBeforeTheServerOpensIt = UINT64_MAX;

void ExpectClientGoesOn(const std::function<void(const std::string& shard)>& damage, uint64_t at_step = 2) {
  testing::ServedJobOptions shape;
  shape.num_samples = 64;
  shape.sample_length = 4096;
  shape.num_steps = 12;
  shape.second_epoch_at = 0;
  const testing::ServedJob damaged = testing::MakeServedJob(shape);
  const testing::ServedJob whole = testing::MakeServedJob(shape);
  ASSERT_EQ(damaged.spec.digest(), whole.spec.digest());
  const auto damage_all = [&] {
    for (const std::string& shard : ShardsOf(damaged.table_path)) damage(shard);
  };
  if (at_step == kBeforeTheServerOpensIt) damage_all();
  testing::ServerProcess first({"--root", damaged.root, "--listen", "127.0.0.1:0"});
  testing::ServerProcess second({"--root", whole.root, "--listen", "127.0.0.1:0"});
  GrpcPlanSourceOptions options;
  options.servers = {first.address(), second.address()};
  options.spec = whole.spec;
  options.window_bytes = 1;
  auto source = ConnectPlanSource(options);
  ASSERT_TRUE(source.ok()) << source.status();
  const auto oracle = whole.Local(0);
  for (uint64_t step = 0; step < 12; ++step) {
    if (step == at_step) damage_all();
    EXPECT_EQ(testing::StepBytes(source->get(), step), testing::StepBytes(oracle.get(), step));
    for (uint32_t m = 0; m < 2; ++m) {
      ASSERT_EQ(testing::MicroBatchBytes(source->get(), step, m),
                testing::MicroBatchBytes(oracle.get(), step, m));
    }
    (*source)->Finished(step);
  }
  // Both live: they end when asked to.
  for (testing::ServerProcess* server : {&first, &second}) {
    server->Signal(SIGTERM);
    server->Signal(SIGINT);  // at once
    EXPECT_EQ(server->Wait(), 0);
  }
}

void Shrink(const std::string& shard) { ASSERT_EQ(truncate(shard.c_str(), 100), 0); }

void Overwrite(const std::string& shard) {
  FILE* const file = fopen(shard.c_str(), "r+");
  ASSERT_NE(file, nullptr);
  fseek(file, 0, SEEK_END);
  const long size = ftell(file);
  fseek(file, size / 4, SEEK_SET);
  for (long i = size / 4; i < size; ++i) fputc(0xA5, file);
  fclose(file);
}

void Vanish(const std::string& shard) { ASSERT_EQ(unlink(shard.c_str()), 0); }

TEST(TableDamageTest, ATableThatShrinksKillsNobody) { ExpectClientGoesOn(Shrink); }

TEST(TableDamageTest, ATableThatIsOverwrittenIsNotServed) { ExpectClientGoesOn(Overwrite); }

TEST(TableDamageTest, ATableThatVanishesIsServedFromItsMapping) { ExpectClientGoesOn(Vanish); }

TEST(TableDamageTest, ATableThatWasDamagedBeforeItsFirstUseIsNotServed) {
  for (const auto& damage : {Shrink, Overwrite, Vanish}) {
    ExpectClientGoesOn(damage, kBeforeTheServerOpensIt);
  }
}

}  // namespace
}  // namespace grouter
