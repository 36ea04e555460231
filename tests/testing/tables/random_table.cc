#include "tests/testing/tables/random_table.h"

#include <stdlib.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "absl/strings/str_cat.h"
#include "io/coding.h"
#include "io/error.h"
#include "routing/table/assemble.h"
#include "routing/table/builder.h"

namespace grouter {
namespace testing {
namespace {

constexpr uint64_t kFactsPurpose = 101;
constexpr uint64_t kRoutesPurpose = 202;

template <typename T>
T Must(absl::StatusOr<T> value) {
  if (!value.ok()) fprintf(stderr, "%s\n", value.status().ToString().c_str());
  GROUTER_CHECK(value.ok());
  return *std::move(value);
}

}  // namespace

InMemorySampleIndex::InMemorySampleIndex(std::vector<uint32_t> lengths, uint64_t seed) {
  Random random(seed, kFactsPurpose);
  ByteWriter content;
  DataSplit train, valid;
  train.name = "train";
  train.num_samples = lengths.size() - lengths.size() / 4;
  valid.name = "valid";
  valid.first_sample = train.num_samples;
  valid.num_samples = lengths.size() / 4;
  for (size_t i = 0; i < lengths.size(); ++i) {
    Sample sample;
    sample.length = lengths[i];
    sample.num_loss_tokens = lengths[i] == 0 ? 0 : static_cast<uint32_t>(random.Below(lengths[i] + 1));
    sample.domain = static_cast<uint32_t>(random.Below(domains_.size()));
    sample.token_crc32c = static_cast<uint32_t>(random.Next());
    DataSplit& split = i < train.num_samples ? train : valid;
    split.num_tokens += sample.length;
    split.num_loss_tokens += sample.num_loss_tokens;
    num_tokens_ += sample.length;
    content.Put<uint32_t>(sample.length);
    content.Put<uint32_t>(sample.token_crc32c);
    samples_.push_back(sample);
  }
  splits_ = {train, valid};
  digest_ = Sha256(content.bytes() + "index");
}

absl::Status InMemorySampleIndex::Save(const std::string& path, FileSystem& files) const {
  return Error(absl::StatusCode::kUnimplemented, "this index lives in memory", path,
               "use SampleIndex::FromLengths");
}

std::shared_ptr<const SampleIndex> RandomIndex(const RandomTableOptions& options) {
  return std::make_shared<InMemorySampleIndex>(options.lengths, options.seed);
}

RouteBuffer RandomRoutes(const RandomTableOptions& o, uint64_t sample, uint32_t layer_group) {
  Random random(Mix64(o.seed) ^ Mix64(sample * 65536 + layer_group), kRoutesPurpose);
  const TableHeader& h = o.header;
  RouteBuffer buffer(h, o.lengths[sample]);
  std::vector<uint32_t> chosen;
  for (uint32_t t = 0; t < o.lengths[sample]; ++t) {
    if (o.missing > 0 && random.Uniform() < o.missing) {
      buffer.SetMissing(t);
      continue;
    }
    const uint32_t k = h.per_token_k ? static_cast<uint32_t>(random.Below(h.k + 1)) : h.k;
    if (h.per_token_k) buffer.SetNumTopk(t, k);
    chosen.clear();
    while (chosen.size() < k) {
      const double uniform = random.Uniform();
      const double share = o.skew == 0 ? uniform : std::pow(uniform, 1 + o.skew);
      const uint32_t id = static_cast<uint32_t>(share * h.num_experts) % h.num_experts;
      if (std::find(chosen.begin(), chosen.end(), id) == chosen.end()) chosen.push_back(id);
    }
    std::vector<double> weights;
    double sum = 0;
    for (uint32_t i = 0; i < k; ++i) {
      weights.push_back((random.Uniform() + k - i) / (k + 1));
      sum += weights[i];
    }
    for (uint32_t i = 0; i < k; ++i) {
      buffer.SetId(t, i, chosen[i]);
      buffer.SetWeight(t, i, static_cast<float>(weights[i] / (o.sum_to_one ? sum : 1)));
    }
  }
  return buffer;
}

absl::Status WriteRandomShard(const RandomTableOptions& options, std::shared_ptr<const SampleIndex> index,
                              uint64_t first, uint64_t count, const std::string& path, FileSystem& files) {
  TableBuilderOptions build;
  build.path = path;
  build.header = options.header;
  build.index = std::move(index);
  build.first_sample = first;
  build.num_samples = count;
  GROUTER_ASSIGN_OR_RETURN(std::unique_ptr<TableBuilder> builder, TableBuilder::Create(build, files));
  std::map<uint64_t, std::vector<RouteBuffer>> kept;  // with distinct_samples
  for (uint64_t sample = first; sample < first + count; ++sample) {
    if (options.distinct_samples == 0) kept.clear();
    const uint64_t as = options.distinct_samples == 0 ? sample : sample % options.distinct_samples;
    std::vector<RouteBuffer>& buffers = kept[as];
    std::vector<RouteView> views;
    for (uint32_t group = static_cast<uint32_t>(buffers.size()); group < options.header.num_layer_groups;
         ++group) {
      buffers.push_back(RandomRoutes(options, as, group));
    }
    for (const RouteBuffer& buffer : buffers) views.push_back(buffer.view());
    GROUTER_RETURN_IF_ERROR(builder->AddSample(views));
  }
  return builder->Finish().status();
}

std::shared_ptr<const RoutingTable> MakeRandomTable(const RandomTableOptions& options,
                                                    const std::string& path, FileSystem& files) {
  const std::shared_ptr<const SampleIndex> index = RandomIndex(options);
  const uint64_t samples = options.lengths.size();
  for (uint64_t i = 0; i < options.num_shards; ++i) {
    const uint64_t first = samples * i / options.num_shards;
    const uint64_t end = samples * (i + 1) / options.num_shards;
    const absl::Status written = WriteRandomShard(options, index, first, end - first, path, files);
    if (!written.ok()) fprintf(stderr, "%s\n", written.ToString().c_str());
    GROUTER_CHECK(written.ok());
  }
  Must(FinishTable(path, {"made by: a test"}, files));
  return Must(RoutingTable::Open(path, files));
}

RandomTableOptions RandomShape(Random* random) {
  static const uint32_t kExperts[] = {2, 3, 7, 8, 31, 64, 128, 255, 256, 257, 511, 513, 1000, 65536};
  RandomTableOptions o;
  TableHeader& h = o.header;
  h.num_experts = kExperts[random->Below(14)];
  h.k = static_cast<uint32_t>(random->Below(std::min(h.num_experts, 16u) + 1));
  h.per_token_k = random->Below(2) != 0;
  h.num_layer_groups = 1 + static_cast<uint32_t>(random->Below(h.num_experts > 1000 ? 2 : 4));
  h.weight_type = static_cast<WeightType>(random->Below(4));
  h.causality = static_cast<Causality>(random->Below(4));
  h.cross_document = random->Below(2) != 0;
  h.eod_token = static_cast<int64_t>(random->Below(100)) - 1;
  h.router_digest = Sha256(absl::StrCat("router", random->Next()));
  o.lengths.resize(random->Below(9));
  for (uint32_t& length : o.lengths)
    length = static_cast<uint32_t>(random->Below(random->Below(4) == 0 ? 3000 : 40));
  o.seed = random->Next();
  o.missing = random->Below(2) == 0 ? 0 : random->Uniform();
  o.num_shards = 1 + random->Below(3);
  return o;
}

std::string NewFolder() {
  const char* root = getenv("TEST_TMPDIR");
  std::string path = absl::StrCat(root == nullptr ? "/tmp" : root, "/table.XXXXXX");
  GROUTER_CHECK(mkdtemp(&path[0]) != nullptr);
  return path;
}

}  // namespace testing
}  // namespace grouter
