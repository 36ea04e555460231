// One measurement of routing tables each, as JSON on stdout; tests/bench/table/run.py calls it.
//   make FILE SAMPLES            the stand-in's ids and scores: FILE.ids (u8), FILE.scores (f32)
//   build FILE SAMPLES FOLDER    a table from them: seconds, bytes; then verified
//   bf16 FILE SAMPLES FOLDER     the same with bf16 weights
//   coactivation FILE SAMPLES    statistics alone
//   read FOLDER                  random warm samples: checked, unchecked, memcpy
//   sparse FOLDER GIB            a table of that size whose routes are a hole in the file
//   open FOLDER                  to the first record, and a bare mmap, in a new process
//   serve FOLDER                 anonymous memory after serving
//   import FILE.npz FOLDER
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "io/random.h"
#include "routing/table/assemble.h"
#include "routing/table/builder.h"
#include "routing/table/content.h"
#include "routing/table/exchange/import.h"
#include "routing/table/format.h"
#include "routing/table/statistics.h"
#include "routing/table/verify.h"
#include "routing/table/weights.h"
#include "tests/bench/table/stand_in.h"
#include "tests/testing/tables/sparse_table.h"

namespace grouter {
namespace bench {
namespace {

using Clock = std::chrono::steady_clock;

// Of all threads of this process.
double CpuSeconds() {
  struct rusage usage;
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

// Of this thread: what one core does, whoever else runs.
double ThreadSeconds() {
  struct timespec now;
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double Seconds(Clock::time_point since) {
  return std::chrono::duration<double>(Clock::now() - since).count();
}

void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "table_bench: %s\n", status.ToString().c_str());
  std::exit(3);
}
template <typename T>
T Check(absl::StatusOr<T> value) {
  Check(value.status());
  return *std::move(value);
}

struct Data {
  std::string ids, scores;
  uint32_t samples = 0;
  StandInOptions shape;
};

Data Load(const std::string& file, const std::string& samples) {
  Data data;
  FileSystem& files = FileSystem::Local();
  data.ids = Check(files.ReadFile(file + ".ids"));
  data.scores = Check(files.ReadFile(file + ".scores"));
  data.samples = static_cast<uint32_t>(std::atoi(samples.c_str()));
  return data;
}

RouteView ViewOf(const Data& data, absl::string_view weights, WeightType type, uint64_t sample) {
  RouteView view;
  view.num_tokens = data.shape.sample_tokens;
  view.k = data.shape.k;
  view.weight_type = type;
  const uint64_t slots = uint64_t{view.num_tokens} * view.k;
  view.ids = absl::string_view(data.ids).substr(sample * slots, slots);
  view.weights = weights.substr(sample * slots * WeightBytes(type), slots * WeightBytes(type));
  return view;
}

TableHeader HeaderOf(const StandInOptions& shape, WeightType type) {
  TableHeader header;
  header.num_experts = shape.num_experts;
  header.k = shape.k;
  header.weight_type = type;
  return header;
}

void Make(const std::string& file, const std::string& samples) {
  StandInOptions options;
  options.num_samples = static_cast<uint32_t>(std::atoi(samples.c_str()));
  const StandIn data = MakeStandIn(options);
  std::ofstream(file + ".ids", std::ios::binary)
      .write(reinterpret_cast<const char*>(data.ids.data()), data.ids.size());
  std::ofstream(file + ".scores", std::ios::binary)
      .write(reinterpret_cast<const char*>(data.scores.data()), 4 * data.scores.size());
  std::printf("{\"tokens\": %zu}\n", data.tokens.size());
}

void Build(const std::string& file, const std::string& samples, const std::string& folder, WeightType type) {
  const Data data = Load(file, samples);
  const std::string weights = ConvertWeights(data.scores, WeightType::kFloat32, type);
  TableBuilderOptions build;
  build.path = folder;
  build.header = HeaderOf(data.shape, type);
  build.index =
      Check(SampleIndex::FromLengths(std::vector<uint32_t>(data.samples, data.shape.sample_tokens), {}));
  Check(FileSystem::Local().RemoveTree(folder));
  const double cpu_start = CpuSeconds();
  const Clock::time_point start = Clock::now();
  std::unique_ptr<TableBuilder> builder = Check(TableBuilder::Create(build));
  for (uint64_t s = 0; s < data.samples; ++s) Check(builder->AddSample({ViewOf(data, weights, type, s)}));
  const ShardSummary summary = Check(builder->Finish());
  const Digest digest = Check(FinishTable(folder));
  const double seconds = Seconds(start);
  const double cpu_seconds = CpuSeconds() - cpu_start;
  builder.reset();
  const VerifyReport report = Check(VerifyTable(folder));
  if (!report.findings.empty()) Check(absl::InternalError(report.findings[0].what));
  std::printf(
      "{\"seconds\": %.6f, \"cpu_seconds\": %.6f, \"tokens\": %llu, \"route_bytes\": %llu, "
      "\"overhead_bytes\": %llu, "
      "\"statistics_bytes\": %llu, \"digest\": \"%s\"}\n",
      seconds, cpu_seconds, static_cast<unsigned long long>(summary.num_tokens),
      static_cast<unsigned long long>(summary.route_bytes),
      static_cast<unsigned long long>(summary.overhead_bytes),
      static_cast<unsigned long long>(summary.statistics_bytes), digest.Hex().c_str());
}

void Coactivation(const std::string& file, const std::string& samples) {
  const Data data = Load(file, samples);
  StatisticsCollector collector(data.shape.num_experts);
  std::vector<ExpertCount> counts;
  const Clock::time_point start = Clock::now();
  for (uint64_t s = 0; s < data.samples; ++s)
    Check(collector.Add(ViewOf(data, "", WeightType::kNone, s), &counts));
  const double seconds = Seconds(start);
  // Right if each token gives k (k - 1) / 2 pairs.
  uint64_t pairs = 0;
  const LayerGroupStatistics statistics = collector.Finish();
  for (const CoactivationPair& pair : statistics.pairs) pairs += pair.count;
  if (pairs != statistics.num_tokens * data.shape.k * (data.shape.k - 1) / 2)
    Check(absl::InternalError("wrong pairs"));
  std::printf("{\"seconds\": %.6f, \"tokens\": %llu}\n", seconds,
              static_cast<unsigned long long>(statistics.num_tokens));
}

void Read(const std::string& folder) {
  const auto table = Check(RoutingTable::Open(folder));
  std::vector<uint64_t> order(table->num_samples());
  for (uint64_t i = 0; i < order.size(); ++i) order[i] = i;
  Random(7).Shuffle(&order);
  uint64_t bytes = 0;
  std::vector<RouteView> records;
  for (uint64_t s : order) {
    records.push_back(Check(table->CheckedRoutes(s, 0)));  // warms, and verifies
    bytes += records.back().ids.size() + records.back().weights.size();
  }
  std::string out(records[0].ids.size() + records[0].weights.size(), 0);
  const auto copy = [&](const RouteView& view) {
    std::memcpy(&out[0], view.ids.data(), view.ids.size());
    std::memcpy(&out[view.ids.size()], view.weights.data(), view.weights.size());
  };
  std::map<std::string, double> best;
  const auto measure = [&](const char* name, const std::function<void(size_t)>& one) {
    const double start = ThreadSeconds();
    for (size_t i = 0; i < order.size(); ++i) one(i);
    const double rate = static_cast<double>(bytes) / (ThreadSeconds() - start) / 1e9;
    best[name] = std::max(best[name], rate);
  };
  for (int round = 0; round < 5; ++round) {
    measure("memcpy", [&](size_t i) { copy(records[i]); });
    measure("no crc", [&](size_t i) { copy(*table->Routes(order[i], 0)); });
    measure("crc", [&](size_t i) { copy(*table->CheckedRoutes(order[i], 0)); });
  }
  std::printf("{\"memcpy\": %.4f, \"no crc\": %.4f, \"crc\": %.4f}\n", best["memcpy"], best["no crc"],
              best["crc"]);
}

void Sparse(const std::string& folder, const std::string& gib) {
  const uint64_t bytes = std::strtoull(gib.c_str(), nullptr, 10) << 30;
  const StandInOptions shape;
  testing::SparseTableOptions sparse;
  sparse.path = folder;
  sparse.header = HeaderOf(shape, WeightType::kBFloat16);
  sparse.sample_tokens = shape.sample_tokens;
  sparse.num_samples = bytes / LayoutRecord(sparse.header, shape.sample_tokens, false).bytes;
  Check(testing::MakeSparseTable(sparse).status());
  std::printf("{\"bytes\": %llu}\n", static_cast<unsigned long long>(bytes));
}

void Open(const std::string& folder) {
  const Clock::time_point start = Clock::now();
  const auto table = Check(RoutingTable::Open(folder));
  const uint64_t sample = table->num_samples() / 2;
  const RouteView routes = Check(table->Routes(sample, 0));
  volatile char sink = routes.ids[0];
  const double ours = Seconds(start);
  const std::string path = JoinPath(folder, ShardName(0, table->num_samples()));
  const Clock::time_point bare = Clock::now();
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const uint64_t bytes = static_cast<uint64_t>(::lseek(fd, 0, SEEK_END));
  const char* map = static_cast<const char*>(::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd, 0));
  sink = map[bytes / 4];
  const double peer = Seconds(bare);
  (void)sink;
  ::close(fd);
  std::printf("{\"ms\": %.4f, \"mmap_ms\": %.4f}\n", 1e3 * ours, 1e3 * peer);
}

void Serve(const std::string& folder) {
  const auto table = Check(RoutingTable::Open(folder));
  Random random(3);
  uint64_t sum = 0;
  std::vector<ExpertCount> counts;
  for (int i = 0; i < 4000; ++i) {
    const uint64_t sample = random.Below(table->num_samples());
    const RouteView routes = Check(table->Routes(sample, 0));
    for (size_t at = 0; at < routes.ids.size(); at += 4096) sum += static_cast<uint8_t>(routes.ids[at]);
    sum += table->facts(sample).length;
  }
  std::ifstream rollup("/proc/self/smaps_rollup");
  std::string key;
  double mib = -1;
  for (uint64_t kib; rollup >> key;) {
    if (key == "Anonymous:" && rollup >> kib) mib = static_cast<double>(kib) / 1024;
  }
  std::printf("{\"mib\": %.3f, \"sum\": %llu}\n", mib, static_cast<unsigned long long>(sum));
}

void Import(const std::string& file, const std::string& folder) {
  Check(FileSystem::Local().RemoveTree(folder));
  ImportOptions options;
  options.format = "npz";
  options.inputs = {file};
  options.output = folder;
  const double cpu_start = CpuSeconds();
  const Clock::time_point start = Clock::now();
  const ImportReport report = Check(ImportTable(options));
  const double seconds = Seconds(start);
  const double cpu_seconds = CpuSeconds() - cpu_start;
  const VerifyReport verified = Check(VerifyTable(folder));
  if (!verified.findings.empty()) Check(absl::InternalError(verified.findings[0].what));
  std::printf("{\"seconds\": %.6f, \"cpu_seconds\": %.6f, \"tokens\": %llu}\n", seconds, cpu_seconds,
              static_cast<unsigned long long>(report.num_tokens));
}

int Run(const std::vector<std::string>& arguments) {
  const std::string command = arguments.empty() ? "" : arguments[0];
  const size_t n = arguments.size();
  if (command == "make" && n == 3) {
    Make(arguments[1], arguments[2]);
  } else if (command == "build" && n == 4) {
    Build(arguments[1], arguments[2], arguments[3], WeightType::kFloat32);
  } else if (command == "bf16" && n == 4) {
    Build(arguments[1], arguments[2], arguments[3], WeightType::kBFloat16);
  } else if (command == "coactivation" && n == 3) {
    Coactivation(arguments[1], arguments[2]);
  } else if (command == "read" && n == 2) {
    Read(arguments[1]);
  } else if (command == "sparse" && n == 3) {
    Sparse(arguments[1], arguments[2]);
  } else if (command == "open" && n == 2) {
    Open(arguments[1]);
  } else if (command == "serve" && n == 2) {
    Serve(arguments[1]);
  } else if (command == "import" && n == 3) {
    Import(arguments[1], arguments[2]);
  } else {
    std::fprintf(stderr, "table_bench: unknown measurement; see the head of table_bench.cc\n");
    return 2;
  }
  return 0;
}

}  // namespace
}  // namespace bench
}  // namespace grouter

int main(int argc, char** argv) {
  return grouter::bench::Run(std::vector<std::string>(argv + 1, argv + argc));
}
