// One measurement of packed tables each, as JSON on stdout; tests/bench/table/packed.py calls it.
//   make FOLDER SAMPLES    the stand-in: FOLDER/tokens.bin, .idx, FOLDER/samples, FOLDER/plain (bf16)
//   pack TABLE TO [--tokens PREFIX --index FILE] [--sample_classes] [--error E]
//                          seconds, bytes, the code's ideal length
//   decode TABLE [--tokens PREFIX --index FILE] [--kernel portable|avx2]
//                          one core: tokens/s of the decoder, its parts, and the peers
//   planes TABLE FILE      the table's columns, for a compressor of columns
#include <sys/mman.h>
#include <time.h>
#include <zstd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "data/indexed_dataset.h"
#include "data/sample_index_builder.h"
#include "data/sample_tokens.h"
#include "io/error.h"
#include "routing/table/assemble.h"
#include "routing/table/builder.h"
#include "routing/table/format.h"
#include "routing/table/manifest.h"
#include "routing/table/packed/assembly_kernels.h"
#include "routing/table/packed/pack_table.h"
#include "routing/table/shard.h"
#include "routing/table/weights.h"
#include "tests/bench/table/stand_in.h"

namespace grouter {
namespace bench {
namespace {

// Of this thread: what one core does, whoever else is there.
double CpuSeconds() {
  struct timespec now;
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "packed_bench: %s\n", status.ToString().c_str());
  std::exit(3);
}
template <typename T>
T Check(absl::StatusOr<T> value) {
  Check(value.status());
  return *std::move(value);
}

struct Arguments {
  std::vector<std::string> words;
  TokenFiles tokens;
  bool sample_classes = false;
  LaneKernel kernel = BestLaneKernel();
  double error = 0;
};

Arguments Parse(int argc, char** argv) {
  Arguments a;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--tokens") {
      a.tokens.dataset = Check(IndexedDataset::Open(argv[++i]));
    } else if (word == "--index") {
      a.tokens.index = Check(SampleIndex::Open(argv[++i]));
    } else if (word == "--sample_classes") {
      a.sample_classes = true;
    } else if (word == "--kernel") {
      a.kernel = argv[++i] == std::string("avx2") ? LaneKernel::kAvx2 : LaneKernel::kPortable;
    } else if (word == "--error") {
      a.error = std::atof(argv[++i]);
    } else {
      a.words.push_back(word);
    }
  }
  return a;
}

void Make(const std::string& folder, uint32_t samples) {
  StandInOptions shape;
  shape.num_samples = samples;
  const StandIn data = MakeStandIn(shape);
  FileSystem& files = FileSystem::Local();
  Check(files.MakeFolders(folder));
  const std::string prefix = JoinPath(folder, "tokens");
  auto writer = Check(IndexedDatasetWriter::Create(files, prefix, TokenTypeForVocabulary(shape.vocabulary)));
  for (uint64_t s = 0; s < samples; ++s) {
    Check(writer.AddSequence({&data.tokens[s * shape.sample_tokens], shape.sample_tokens}));
    writer.EndDocument();
  }
  Check(writer.Finish());
  SampleIndexOptions rules;
  rules.rules.packing = SampleIndexRules::Packing::kOneDocument;
  rules.rules.sequence_length = shape.sample_tokens;
  rules.splits = {{"train", 1}};
  TableBuilderOptions build;
  const auto dataset = Check(IndexedDataset::Open(prefix));
  build.index = Check(BuildSampleIndex(*dataset, nullptr, rules));
  Check(build.index->Save(JoinPath(folder, "samples")));
  build.path = JoinPath(folder, "plain");
  build.header.num_experts = shape.num_experts;
  build.header.k = shape.k;
  build.header.weight_type = WeightType::kBFloat16;
  const auto builder = Check(TableBuilder::Create(build));
  for (uint64_t s = 0; s < samples; ++s) {
    const uint64_t row = build.index->sample(s).ranges[0].document * shape.sample_tokens * shape.k;
    const uint64_t count = uint64_t{shape.sample_tokens} * shape.k;
    const absl::string_view scores(reinterpret_cast<const char*>(&data.scores[row]), 4 * count);
    const std::string weights = ConvertWeights(scores, WeightType::kFloat32, WeightType::kBFloat16);
    RouteView view;
    view.num_tokens = shape.sample_tokens;
    view.k = shape.k;
    view.weight_type = WeightType::kBFloat16;
    view.ids = absl::string_view(reinterpret_cast<const char*>(&data.ids[row]), count);
    view.weights = weights;
    Check(builder->AddSample({view}));
  }
  Check(builder->Finish().status());
  Check(FinishTable(build.path, {}));
  std::printf("{\"tokens\": %llu}\n", static_cast<unsigned long long>(dataset->num_tokens()));
}

// A symbol's cost under what was seen before it (Krichevsky-Trofimov over the values that occur).
class AdaptivePlane {
 public:
  void Count(uint16_t value) { ++seen_[value]; }
  double Bits() const {
    double n = 0, distinct = 0, bits = 0;
    for (uint32_t count : seen_) {
      distinct += count > 0;
      n += count;
    }
    if (distinct == 0) return 0;
    // The sum over any order of the values is the same.
    for (uint32_t count : seen_) {
      if (count > 0) bits -= (std::lgamma(count + 0.5) - std::lgamma(0.5)) / std::log(2);
    }
    return bits + (std::lgamma(n + distinct / 2) - std::lgamma(distinct / 2)) / std::log(2);
  }

 private:
  std::vector<uint32_t> seen_ = std::vector<uint32_t>(65536);
};

// Bytes of the code's own model run adaptively over the table: planes by what went before in the plane, pairs
// by the model's probabilities. No headers, tables or checksums.
double IdealBytes(const std::string& path, const TokenFiles& tokens) {
  FileSystem& files = FileSystem::Local();
  const Manifest manifest = Check(DecodeManifest(Check(files.ReadFile(JoinPath(path, kManifestName)))));
  double bits = 0;
  for (const ManifestShard& entry : manifest.shards) {
    const auto shard = Check(Shard::Open(JoinPath(path, entry.name), files));
    const auto reader = Check(PackedShardReader::Open(shard, tokens));
    const RouteCodec& codec = reader->codec();
    for (uint32_t g = 0; g < manifest.header.num_layer_groups; ++g) {
      const GroupCode& group = codec.group(g);
      std::vector<AdaptivePlane> planes(2 * kMaxK + 1);
      std::vector<uint16_t> values(kRunTokens);
      for (uint64_t s = 0; s < entry.num_samples; ++s) {
        const Shard::Record record = Check(shard->record(s, g));
        const uint32_t length = shard->facts(s).length;
        if (length == 0) continue;
        if (group.ids_by_pairs) Check(group.pairs.EncodeIds(Check(reader->Read(s, g)), &bits).status());
        const RecordParts parts =
            Check(RecordParts::Read(codec, g, length, record.has_missing, record.payload));
        PlaneReader ids = parts.Ids(group, length), weights = parts.Weights(group, length);
        for (uint32_t begin = 0; begin < length; begin += kRunTokens) {
          const uint32_t count = std::min(kRunTokens, length - begin);
          ids.ReadRun(count, LaneKernel::kPortable, &weights);
          for (uint32_t p = 0; p < ids.num_planes() + weights.num_planes(); ++p) {
            if (p < ids.num_planes()) {
              ids.Values(p, LaneKernel::kPortable, values.data());
            } else {
              weights.Values(p - ids.num_planes(), LaneKernel::kPortable, values.data());
            }
            for (uint32_t t = 0; t < count; ++t) planes[p].Count(values[t]);
          }
        }
        bits += 8 * static_cast<double>(parts.missing.size() + parts.halves.size());
      }
      for (const AdaptivePlane& plane : planes) bits += plane.Bits();
    }
  }
  return bits / 8;
}

void Pack(const Arguments& a) {
  PackOptions options;
  options.output = a.words[2];
  options.tokens = a.tokens;
  options.sample_classes = a.sample_classes;
  options.max_weight_error = a.error;
  const auto begin = std::chrono::steady_clock::now();
  const PackReport report = Check(PackTable(a.words[1], options));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const auto verified = Check(VerifyTableOfAnyTier(a.words[2], {}, a.tokens));
  if (!verified.findings.empty()) Check(absl::InternalError(verified.findings[0].what));
  uint64_t statistics = 0, leaves = 0;
  FileSystem& files = FileSystem::Local();
  const Manifest manifest = Check(DecodeManifest(Check(files.ReadFile(JoinPath(a.words[2], kManifestName)))));
  for (const ManifestShard& entry : manifest.shards) {
    const auto shard = Check(Shard::Open(JoinPath(a.words[2], entry.name), files));
    for (SectionKind kind :
         {SectionKind::kFacts, SectionKind::kCountOffsets, SectionKind::kCounts, SectionKind::kStatistics})
      statistics += shard->SectionBytes(kind).size();
    leaves += shard->SectionBytes(SectionKind::kLeaves).size();
  }
  std::printf(
      "{\"seconds\": %.4f, \"tokens\": %llu, \"routes\": %llu, \"bytes\": %llu, \"code_bytes\": %llu, "
      "\"statistics_bytes\": %llu, \"leaf_bytes\": %llu, \"ideal_bytes\": %.1f, \"digest\": \"%s\"}\n",
      seconds, static_cast<unsigned long long>(report.num_tokens),
      static_cast<unsigned long long>(report.num_routes),
      static_cast<unsigned long long>(report.packed_bytes),
      static_cast<unsigned long long>(report.code_bytes), static_cast<unsigned long long>(statistics),
      static_cast<unsigned long long>(leaves), IdealBytes(a.words[2], a.tokens),
      report.content_digest.Hex().c_str());
}

// Everything that decoding the table's records one after the other needs, in memory.
struct Records {
  std::shared_ptr<const Shard> shard;
  std::shared_ptr<const RouteCodec> codec;
  std::vector<SampleTokens> tokens;
  std::vector<absl::string_view> payloads;
  std::vector<RecordLayout> layouts;
};

Records Load(const std::string& path, const TokenFiles& tokens) {
  FileSystem& files = FileSystem::Local();
  const Manifest manifest = Check(DecodeManifest(Check(files.ReadFile(JoinPath(path, kManifestName)))));
  Records r;
  r.shard = Check(Shard::Open(JoinPath(path, manifest.shards[0].name), files));
  r.codec = Check(RouteCodec::Decode(r.shard->table_header(), r.shard->SectionBytes(SectionKind::kCodec)));
  r.tokens.resize(r.shard->header().num_samples);
  for (uint64_t s = 0; s < r.tokens.size(); ++s) {
    if (r.codec->needs_tokens()) Check(ReadSampleTokens(*tokens.dataset, *tokens.index, s, &r.tokens[s]));
    const Shard::Record record = Check(r.shard->record(s, 0));
    Check(r.shard->CheckRecord(s, 0, record));
    r.payloads.push_back(record.payload);
    r.layouts.push_back(LayoutRecord(r.shard->table_header(), r.shard->facts(s).length, record.has_missing));
  }
  return r;
}

// tokens/s of `work(sample)`, which decodes a sample, over about a second.
template <typename Work>
double Rate(const Records& r, const Work& work) {
  uint64_t tokens = 0;
  double seconds = 0;
  for (int pass = 0; pass < 64 && seconds < 0.5; ++pass) {
    const double begin = CpuSeconds();
    for (uint64_t s = 0; s < r.payloads.size(); ++s) {
      work(s);
      tokens += r.shard->facts(s).length;
    }
    seconds += CpuSeconds() - begin;
  }
  return static_cast<double>(tokens) / seconds;
}

// The kernels after the entropy decoder alone: of a shape that has them (bf16, k 8, at most 128 experts).
double AssemblyRate(const Records& r, LaneKernel kernel, char* out) {
  const GroupCode& group = r.codec->group(0);
  std::vector<uint32_t> lists(kRunTokens);
  uint64_t tokens = 0;
  double seconds = 0;
  for (uint64_t s = 0; s < r.payloads.size(); ++s) {
    const uint32_t length = r.shard->facts(s).length;
    const RecordParts parts = Check(RecordParts::Read(*r.codec, 0, length, false, r.payloads[s]));
    PlaneReader ids = parts.Ids(group, length), weights = parts.Weights(group, length);
    std::vector<PlaneReader> id_runs, weight_runs;  // as they stand after each run's symbols
    for (uint32_t begin = 0; begin < length; begin += kRunTokens) {
      ids.ReadRun(std::min(kRunTokens, length - begin), kernel, &weights);
      id_runs.push_back(ids);
      weight_runs.push_back(weights);
      weights.SkipRun();
    }
    const double begin = CpuSeconds();
    for (uint32_t run = 0; run < id_runs.size(); ++run) {
      const uint32_t first = run * kRunTokens, count = std::min(kRunTokens, length - first);
      group.lists.ListsOf(absl::MakeConstSpan(r.tokens[s].tokens).subspan(first, count), lists.data());
      PutIds8(kernel, id_runs[run].AllEight(), {group.lists.lists(), group.lists.beginnings()}, lists.data(),
              count, reinterpret_cast<uint8_t*>(out) + 8 * first);
      group.weights.ReadWeights(&weight_runs[run], count, kernel, out + r.layouts[s].weights + 16 * first);
    }
    seconds += CpuSeconds() - begin;
    tokens += length;
  }
  return static_cast<double>(tokens) / seconds;
}

// Slot by slot, byte by byte of the elements: what a compressor of columns is given.
void Planes(const std::string& path, const std::string& to) {
  const auto table = Check(RoutingTable::Open(path));
  const TableHeader& h = table->header();
  const uint32_t weight_bytes = WeightBytes(h.weight_type);
  std::string planes;
  for (uint32_t g = 0; g < h.num_layer_groups; ++g) {
    for (uint32_t j = 0; j < h.k * (h.id_width + weight_bytes); ++j) {
      const bool is_id = j < h.k * h.id_width;
      const uint32_t width = is_id ? h.id_width : weight_bytes;
      const uint32_t column = is_id ? j : j - h.k * h.id_width;
      for (uint64_t s = 0; s < table->num_samples(); ++s) {
        const RouteView routes = Check(table->Routes(s, g));
        const absl::string_view plane = is_id ? routes.ids : routes.weights;
        for (uint32_t t = 0; t < routes.num_tokens; ++t)
          planes.push_back(plane[size_t{t} * h.k * width + column]);
      }
    }
  }
  Check(WriteFileAtomically(FileSystem::Local(), to, planes));
  std::printf("{\"routes\": %llu}\n",
              static_cast<unsigned long long>(table->num_tokens() * h.num_layer_groups));
}

// Memory in huge pages where the system gives them, so that the cache is what is cold and not the page table.
class LargeBuffer {
 public:
  explicit LargeBuffer(size_t size) {
    constexpr size_t kHugePage = 2 << 20;
    const size_t whole = (size + kHugePage - 1) / kHugePage * kHugePage;
    bytes_.reset(static_cast<char*>(std::aligned_alloc(kHugePage, whole)));
    ::madvise(bytes_.get(), whole, MADV_HUGEPAGE);
    std::memset(bytes_.get(), 0, whole);
  }
  char& operator[](size_t i) { return bytes_.get()[i]; }

 private:
  struct Free {
    void operator()(char* bytes) const { std::free(bytes); }
  };
  std::unique_ptr<char, Free> bytes_;
};

void Decode(const Arguments& a) {
  const Records r = Load(a.words[1], a.tokens);
  const TableHeader& h = r.shard->table_header();
  const LaneKernel kernel = a.kernel;
  RouteDecoder decoder(r.codec, kernel);
  uint64_t largest = 0, all = 0;
  for (const RecordLayout& layout : r.layouts) {
    largest = std::max(largest, layout.payload_bytes);
    all += layout.payload_bytes;
  }
  std::vector<char> hot(largest + 64);
  LargeBuffer cold(all + 64);
  std::vector<uint64_t> at;
  for (uint64_t s = 0, next = 0; s < r.layouts.size(); next += r.layouts[s++].payload_bytes)
    at.push_back(next);
  const auto decode = [&](uint64_t s, char* out) {
    Check(decoder.Decode(0, r.tokens[s].tokens, r.shard->facts(s).length, false, r.payloads[s], out));
  };
  for (uint64_t s = 0; s < at.size(); ++s) decode(s, &cold[at[s]]);  // pages, and the peers' input
  const double hot_rate = Rate(r, [&](uint64_t s) { decode(s, hot.data()); });
  const double cold_rate = Rate(r, [&](uint64_t s) { decode(s, &cold[at[s]]); });

  // The entropy decoder alone.
  const double kernel_rate = Rate(r, [&](uint64_t s) {
    const uint32_t length = r.shard->facts(s).length;
    const RecordParts parts = Check(RecordParts::Read(*r.codec, 0, length, false, r.payloads[s]));
    PlaneReader ids = parts.Ids(r.codec->group(0), length),
                weights = parts.Weights(r.codec->group(0), length);
    for (uint32_t begin = 0; begin < length; begin += kRunTokens)
      ids.ReadRun(std::min(kRunTokens, length - begin), kernel, &weights);
  });
  const double assembly_rate = AssemblyRate(r, kernel, hot.data());
  // Memory.
  LargeBuffer copied(all + 64);
  const double copy_rate =
      Rate(r, [&](uint64_t s) { std::memcpy(&copied[at[s]], &cold[at[s]], r.layouts[s].payload_bytes); });
  // zstd -3 of 24 bytes a token, a frame a sample.
  std::vector<std::string> frames;
  uint64_t compressed = 0;
  for (uint64_t s = 0; s < at.size(); ++s) {
    const uint32_t length = r.shard->facts(s).length;
    const uint64_t ids = uint64_t{h.k} * h.id_width, weights = uint64_t{h.k} * WeightBytes(h.weight_type);
    std::string rows;
    for (uint32_t t = 0; t < length; ++t) {
      rows.append(&cold[at[s] + t * ids], ids);
      rows.append(&cold[at[s] + r.layouts[s].weights + t * weights], weights);
    }
    std::string frame(ZSTD_compressBound(rows.size()), 0);
    frame.resize(ZSTD_compress(&frame[0], frame.size(), rows.data(), rows.size(), 3));
    compressed += frame.size();
    frames.push_back(std::move(frame));
  }
  const double zstd_rate = Rate(
      r, [&](uint64_t s) { ZSTD_decompress(hot.data(), hot.size(), frames[s].data(), frames[s].size()); });
  const double tokens = static_cast<double>(r.shard->header().num_tokens);
  std::printf(
      "{\"vbmi\": %s, \"hot\": %.0f, \"cold\": %.0f, \"kernel\": %.0f, \"assembly\": %.0f, \"memcpy\": %.0f, "
      "\"zstd\": %.0f, "
      "\"zstd_bytes\": %.3f}\n",
      kernel == LaneKernel::kAvx512Vbmi ? "true" : "false", hot_rate, cold_rate, kernel_rate, assembly_rate,
      copy_rate, zstd_rate, static_cast<double>(compressed) / tokens);
}

int Main(int argc, char** argv) {
  const Arguments a = Parse(argc, argv);
  const size_t words = a.words.size();
  if (words == 3 && a.words[0] == "make") {
    Make(a.words[1], static_cast<uint32_t>(std::atoi(a.words[2].c_str())));
  } else if (words == 3 && a.words[0] == "pack") {
    Pack(a);
  } else if (words == 3 && a.words[0] == "planes") {
    Planes(a.words[1], a.words[2]);
  } else if (words == 2 && a.words[0] == "decode") {
    Decode(a);
  } else {
    std::fprintf(stderr, "packed_bench make|pack|planes|decode ...: see packed_bench.cc\n");
    return 2;
  }
  return 0;
}

}  // namespace
}  // namespace bench
}  // namespace grouter

int main(int argc, char** argv) { return grouter::bench::Main(argc, argv); }
