#include "routing/table/builder.h"

#include <algorithm>
#include <cstring>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "io/coding.h"
#include "io/error.h"
#include "io/mutex.h"
#include "routing/table/content.h"
#include "routing/table/format.h"
#include "routing/table/manifest.h"
#include "routing/table/shard.h"
#include "routing/table/stage_pool.h"
#include "routing/table/statistics.h"
#include "routing/table/weights.h"

namespace grouter {
namespace {

constexpr uint64_t kBatchBytes = 4 << 20;
constexpr int kMaxBatches = 6;
constexpr size_t kSamplesHashedTogether = 16;
enum Stage : uint32_t { kCounting, kDigesting, kNumStages };

// Beside the caller's, which helps when it would wait.
uint32_t ComputingThreads() {
  return std::min<uint32_t>(kNumStages, std::max(2u, std::thread::hardware_concurrency()) - 1);
}

absl::Status Invalid(absl::string_view what, absl::string_view where, absl::string_view fix) {
  return Error(absl::StatusCode::kInvalidArgument, what, where, fix);
}

// Fills what may be left empty, and checks the rest.
absl::Status Complete(TableBuilderOptions* o) {
  if (o->index == nullptr) return Invalid("no sample index", "index", "open or make one");
  TableHeader& h = o->header;
  h.id_width = IdWidth(h.num_experts);
  if (h.sample_index_digest.IsZero()) h.sample_index_digest = o->index->digest();
  if (h.sample_index_digest != o->index->digest()) {
    return Invalid("the header names another sample index", "sample_index_digest", "give the index it names");
  }
  if (h.splits.empty()) h.splits = o->index->splits();
  GROUTER_RETURN_IF_ERROR(ValidateTableHeader(h));
  if (o->first_sample > o->index->num_samples()) {
    return Invalid(
        absl::StrCat("first_sample is ", o->first_sample, ", the index has ", o->index->num_samples()),
        "first_sample", "give a range inside the index");
  }
  o->num_samples = std::min(o->num_samples, o->index->num_samples() - o->first_sample);
  return absl::OkStatus();
}

// Zeroes ids, weights and num_topk that mean nothing, so that equal routes are equal bytes.
void Canonicalize(const RouteView& from, const TableHeader& h, const RecordLayout& layout, char* record) {
  const uint64_t id_stride = uint64_t{h.k} * h.id_width;
  const uint64_t weight_bytes = WeightBytes(h.weight_type);
  for (uint32_t t = 0; t < from.num_tokens; ++t) {
    const bool missing = from.IsMissing(t);
    const uint32_t k = from.NumTopk(t);
    if (missing && layout.num_topk_bytes != 0) record[layout.num_topk + t] = 0;
    if (missing && layout.missing_bytes != 0)
      record[layout.missing + t / 8] |= static_cast<char>(1 << (t % 8));
    if (k == h.k) continue;
    std::memset(record + t * id_stride + k * h.id_width, 0, (h.k - k) * h.id_width);
    if (weight_bytes == 0) continue;
    std::memset(record + layout.weights + (uint64_t{t} * h.k + k) * weight_bytes, 0,
                (h.k - k) * weight_bytes);
  }
}

template <typename Id>
absl::optional<uint64_t> FirstIdPast(absl::string_view ids, uint32_t num_experts) {
  const uint64_t count = ids.size() / sizeof(Id);
  Id largest = 0;
  auto load = [&](uint64_t i) {
    Id id;
    std::memcpy(&id, ids.data() + i * sizeof(Id), sizeof(Id));
    return id;
  };
  for (uint64_t i = 0; i < count; ++i) largest = std::max(largest, load(i));
  if (largest < num_experts) return absl::nullopt;
  uint64_t i = 0;
  while (load(i) < num_experts) ++i;
  return i;
}

// While the record is still in the cache.
void PutCrcs(uint64_t sample, uint32_t layer_group, const RecordLayout& layout, char* record) {
  const absl::string_view payload(record, layout.payload_bytes);
  for (uint64_t block = 0; block < layout.num_blocks; ++block) {
    const uint32_t crc =
        BlockCrc(sample, layer_group, block, payload.substr(block * kBlockBytes, kBlockBytes));
    std::memcpy(record + layout.payload_bytes + 4 * block, &crc, 4);
  }
}

struct PendingRecord {
  uint64_t begin = 0;  // in the batch
  RecordLayout layout;
};
struct PendingSample {
  uint64_t sample = 0;
  uint32_t num_tokens = 0;
  std::vector<PendingRecord> records;
};

// Bytes of whole samples on their way to the file, as they will be in it.
struct Batch {
  std::unique_ptr<char[]> bytes;
  uint64_t capacity = 0;
  uint64_t size = 0;
  std::vector<PendingSample> samples;
};

class ShardBuilder : public TableBuilder {
 public:
  ShardBuilder(TableBuilderOptions options, AtomicFile file)
      : options_(std::move(options)), header_(options_.header), file_(std::move(file)) {
    for (uint32_t i = 0; i < header_.num_layer_groups; ++i) collectors_.emplace_back(header_.num_experts);
    offsets_.reserve(std::min<uint64_t>(options_.num_samples, 1 << 20) * header_.num_layer_groups + 1);
    count_offsets_.push_back(0);
  }

  ~ShardBuilder() override { batch_ = nullptr; }  // gives its bytes back to spare_, which goes first

  absl::Status AddSample(absl::Span<const RouteView> layer_groups) override;
  uint64_t next_sample() const override { return options_.first_sample + facts_.size() / kFactsBytes; }
  absl::StatusOr<ShardSummary> Finish() override;

 private:
  absl::Status CheckView(const RouteView& routes, uint32_t length) const;
  absl::Status CheckValues(const RouteView& view) const;
  RouteView ViewOf(const Batch& batch, const PendingSample& sample, const PendingRecord& record) const;
  void AddFacts(const Sample& sample, uint32_t num_missing);

  std::shared_ptr<Batch> NewBatch(uint64_t capacity);
  void Send(std::shared_ptr<const Batch> batch);
  void DigestBatch(const Batch& batch);
  void CountBatch(const Batch& batch);
  void Fail(const absl::Status& status);
  absl::Status status() const {
    MutexLock lock(&mutex_);
    return status_;
  }
  absl::Status AppendSection(SectionKind kind, absl::string_view bytes, ShardHeader* header);

  const TableBuilderOptions options_;
  const TableHeader& header_;
  AtomicFile file_;

  // The caller's thread.
  std::shared_ptr<Batch> batch_;
  std::vector<uint64_t> offsets_;
  std::string facts_;
  uint64_t file_bytes_ = kHeaderPageBytes;
  uint64_t num_tokens_ = 0;
  ShardSummary summary_;

  std::vector<uint64_t> count_offsets_;  // the counting thread
  std::string counts_;
  std::vector<StatisticsCollector> collectors_;
  std::string leaves_;  // the digesting thread

  mutable Mutex mutex_;
  CondVar batch_freed_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  int batches_in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::unique_ptr<char[]>> spare_ ABSL_GUARDED_BY(mutex_);

  // Destroyed first: their tasks use the members above. Writing waits for the disk, so it has its own thread.
  StagePool writing_{1, 1};
  StagePool computing_{kNumStages, ComputingThreads()};
};

absl::Status ShardBuilder::CheckView(const RouteView& r, uint32_t length) const {
  const uint64_t slots = uint64_t{length} * header_.k;
  if (r.num_tokens != length || r.k != header_.k) {
    return Invalid(absl::StrCat("routes of ", r.num_tokens, " tokens with k ", r.k, ", ", length, " with k ",
                                header_.k, " expected"),
                   "", "give whole samples of the index");
  }
  if (r.id_width != header_.id_width || r.ids.size() != slots * header_.id_width) {
    return Invalid("the ids plane has the wrong size or width", "", "give num_tokens x k ids");
  }
  if (r.weight_type != header_.weight_type || r.weights.size() != slots * WeightBytes(header_.weight_type)) {
    return Invalid("the weights plane has the wrong type or size", "", "convert the weights first");
  }
  if (r.num_topk.size() != (header_.per_token_k ? length : 0)) {
    return Invalid("the num_topk plane has the wrong size", "", "give one byte per token when per_token_k");
  }
  if (!r.missing.empty() && r.missing.size() < (uint64_t{r.first_bit} + length + 7) / 8) {
    return Invalid("the missing bitmap is too short", "", "give one bit per token");
  }
  return absl::OkStatus();
}

// On canonical bytes: what means nothing is zero and passes.
absl::Status ShardBuilder::CheckValues(const RouteView& view) const {
  for (uint32_t t = 0; t < view.num_topk.size(); ++t) {
    if (static_cast<uint8_t>(view.num_topk[t]) > header_.k) {
      return Invalid("num_topk is larger than k", absl::StrCat("token ", t), "give at most k");
    }
  }
  const absl::optional<uint64_t> bad_id = header_.id_width == 1
                                              ? FirstIdPast<uint8_t>(view.ids, header_.num_experts)
                                              : FirstIdPast<uint16_t>(view.ids, header_.num_experts);
  if (bad_id.has_value()) {
    return Invalid(absl::StrCat("an expert id is not below ", header_.num_experts),
                   absl::StrCat("token ", *bad_id / header_.k), "correct the routes, or num_experts");
  }
  const int64_t bad_weight = FirstNonFinite(view.weights, header_.weight_type);
  if (bad_weight >= 0) {
    return Invalid("a gate weight is not finite", absl::StrCat("token ", bad_weight / header_.k),
                   "find out why the router gives NaN or infinity");
  }
  return absl::OkStatus();
}

RouteView ShardBuilder::ViewOf(const Batch& batch, const PendingSample& sample,
                               const PendingRecord& record) const {
  const RecordLayout& layout = record.layout;
  const absl::string_view bytes(batch.bytes.get() + record.begin, layout.payload_bytes);
  RouteView view;
  view.num_tokens = sample.num_tokens;
  view.k = header_.k;
  view.id_width = header_.id_width;
  view.weight_type = header_.weight_type;
  view.ids = bytes.substr(0, layout.ids_bytes);
  view.weights = bytes.substr(layout.weights, layout.weights_bytes);
  view.num_topk = bytes.substr(layout.num_topk, layout.num_topk_bytes);
  view.missing = bytes.substr(layout.missing, layout.missing_bytes);
  return view;
}

void ShardBuilder::AddFacts(const Sample& sample, uint32_t num_missing) {
  uint32_t split = 0;
  while (split + 1 < header_.splits.size() && next_sample() >= header_.splits[split + 1].first_sample)
    ++split;
  const uint32_t words[6] = {sample.length,
                             sample.num_loss_tokens,
                             sample.domain,
                             split,
                             options_.index->token_crcs_known() ? sample.token_crc32c : 0,
                             num_missing};
  facts_.append(reinterpret_cast<const char*>(words), sizeof(words));
}

absl::Status ShardBuilder::AddSample(absl::Span<const RouteView> layer_groups) {
  GROUTER_RETURN_IF_ERROR(status());
  const uint64_t sample_id = next_sample();
  auto fail = [&](const absl::Status& problem, uint32_t group) {
    Fail(Annotate(problem, absl::StrCat("sample ", sample_id, ", layer group ", group)));
    return status();
  };
  if (facts_.size() / kFactsBytes == options_.num_samples) {
    return Error(absl::StatusCode::kOutOfRange, "all samples of the shard were added", options_.path,
                 "call Finish");
  }
  const Sample sample = options_.index->sample(sample_id);
  if (layer_groups.size() != header_.num_layer_groups) {
    return fail(Invalid(absl::StrCat(layer_groups.size(), " layer groups given, ", header_.num_layer_groups,
                                     " expected"),
                        "", "give one view per layer group"),
                0);
  }
  PendingSample pending;
  pending.sample = sample_id;
  pending.num_tokens = sample.length;
  uint64_t bytes = 0;
  uint32_t num_missing = 0;
  for (uint32_t group = 0; group < layer_groups.size(); ++group) {
    const RouteView& routes = layer_groups[group];
    const absl::Status problem = CheckView(routes, sample.length);
    if (!problem.ok()) return fail(problem, group);
    uint32_t missing_here = 0;
    for (uint32_t t = 0; !routes.missing.empty() && t < sample.length; ++t)
      missing_here += routes.IsMissing(t);
    num_missing += missing_here;
    PendingRecord record;
    record.layout = LayoutRecord(header_, sample.length, missing_here != 0);
    record.begin = bytes;
    bytes += record.layout.bytes;
    pending.records.push_back(record);
  }

  if (batch_ != nullptr && batch_->size + bytes > batch_->capacity) Send(std::move(batch_));
  if (batch_ == nullptr) batch_ = NewBatch(std::max(bytes, kBatchBytes));
  for (uint32_t group = 0; group < layer_groups.size(); ++group) {
    const RouteView& routes = layer_groups[group];
    PendingRecord& record = pending.records[group];
    const RecordLayout& layout = record.layout;
    char* out = batch_->bytes.get() + batch_->size + record.begin;
    offsets_.push_back((file_bytes_ + record.begin) | (layout.missing_bytes != 0 ? kOffsetHasMissing : 0));
    record.begin += batch_->size;
    auto put = [&](uint64_t begin, absl::string_view plane, uint64_t end) {
      if (!plane.empty()) std::memcpy(out + begin, plane.data(), plane.size());
      std::memset(out + begin + plane.size(), 0, end - begin - plane.size());
    };
    put(0, routes.ids, layout.weights);
    put(layout.weights, routes.weights, layout.num_topk);
    put(layout.num_topk, routes.num_topk, layout.missing);
    put(layout.missing, "", layout.bytes);
    const RouteView stored = ViewOf(*batch_, pending, record);
    // k_t decides what is unused, so it is checked before it is used.
    for (uint32_t t = 0; t < stored.num_topk.size(); ++t) {
      if (!routes.IsMissing(t) && static_cast<uint8_t>(stored.num_topk[t]) > header_.k) {
        return fail(Invalid("num_topk is larger than k", absl::StrCat("token ", t), "give at most k"), group);
      }
    }
    if (layout.missing_bytes != 0 || header_.per_token_k) Canonicalize(routes, header_, layout, out);
    const absl::Status problem = CheckValues(stored);
    if (!problem.ok()) return fail(problem, group);
    PutCrcs(sample_id, group, layout, out);
    summary_.route_bytes +=
        layout.ids_bytes + layout.weights_bytes + layout.num_topk_bytes + layout.missing_bytes;
  }
  batch_->size += bytes;
  file_bytes_ += bytes;
  num_tokens_ += sample.length;
  AddFacts(sample, num_missing);
  batch_->samples.push_back(std::move(pending));
  if (batch_->samples.size() % kSamplesHashedTogether == 0 && batch_->size > batch_->capacity / 2) {
    Send(std::move(batch_));
    batch_ = nullptr;
  }
  return absl::OkStatus();
}

std::shared_ptr<Batch> ShardBuilder::NewBatch(uint64_t capacity) {
  auto* batch = new Batch;
  batch->capacity = capacity;
  const auto full = [this] {
    MutexLock lock(&mutex_);
    return batches_in_flight_ >= kMaxBatches;
  };
  while (full() && computing_.RunOne()) {
  }
  {
    MutexLock lock(&mutex_);
    while (batches_in_flight_ >= kMaxBatches) batch_freed_.Wait(&mutex_);
    ++batches_in_flight_;
    if (capacity == kBatchBytes && !spare_.empty()) {
      batch->bytes = std::move(spare_.back());
      spare_.pop_back();
    }
  }
  if (batch->bytes == nullptr) batch->bytes.reset(new char[capacity]);
  return std::shared_ptr<Batch>(batch, [this](Batch* done) {
    {
      MutexLock lock(&mutex_);
      --batches_in_flight_;
      if (done->capacity == kBatchBytes) spare_.push_back(std::move(done->bytes));
      batch_freed_.SignalAll();
    }
    delete done;
  });
}

void ShardBuilder::Send(std::shared_ptr<const Batch> batch) {
  writing_.Post(0, [this, batch] {
    if (status().ok()) Fail(file_.Append({batch->bytes.get(), batch->size}));
  });
  computing_.Post(kCounting, [this, batch] { CountBatch(*batch); });
  computing_.Post(kDigesting, [this, batch] { DigestBatch(*batch); });
}

void ShardBuilder::DigestBatch(const Batch& batch) {
  if (!status().ok()) return;
  SampleLeaves leaves;
  std::vector<RouteView> views;
  for (const PendingSample& sample : batch.samples) {
    views.clear();
    for (const PendingRecord& record : sample.records) views.push_back(ViewOf(batch, sample, record));
    leaves.Add(sample.num_tokens, views);
  }
  for (const Digest& leaf : leaves.Finish()) {
    leaves_.append(reinterpret_cast<const char*>(leaf.bytes.data()), leaf.bytes.size());
  }
}

void ShardBuilder::CountBatch(const Batch& batch) {
  if (!status().ok()) return;
  std::vector<ExpertCount> counts;
  for (const PendingSample& sample : batch.samples) {
    for (uint32_t group = 0; group < sample.records.size(); ++group) {
      const absl::Status added =
          collectors_[group].Add(ViewOf(batch, sample, sample.records[group]), &counts);
      if (!added.ok()) {
        Fail(Annotate(added, absl::StrCat("sample ", sample.sample, ", layer group ", group)));
        return;
      }
      EncodeExpertCounts(counts, header_.num_experts, &counts_);
      count_offsets_.push_back(counts_.size());
    }
  }
}

void ShardBuilder::Fail(const absl::Status& status) {
  MutexLock lock(&mutex_);
  if (status_.ok()) status_ = status;
}

absl::Status ShardBuilder::AppendSection(SectionKind kind, absl::string_view bytes, ShardHeader* header) {
  header->sections.push_back({kind, Crc32c(bytes), file_bytes_, bytes.size()});
  std::string padded(bytes);
  padded.resize(AlignUp8(bytes.size()));
  file_bytes_ += padded.size();
  return file_.Append(padded);
}

absl::StatusOr<ShardSummary> ShardBuilder::Finish() {
  if (batch_ != nullptr) Send(std::move(batch_));
  batch_ = nullptr;
  computing_.Drain();
  writing_.Drain();
  GROUTER_RETURN_IF_ERROR(status());
  const uint64_t added = facts_.size() / kFactsBytes;
  if (added != options_.num_samples) {
    return Error(absl::StatusCode::kFailedPrecondition,
                 absl::StrCat(added, " of ", options_.num_samples, " samples were added"), options_.path,
                 "add the rest, then call Finish");
  }
  Fail(Error(absl::StatusCode::kFailedPrecondition, "the shard is finished already", options_.path,
             "make a new builder"));

  offsets_.push_back(file_bytes_);
  std::string statistics(8 * (collectors_.size() + 1), 0);
  for (size_t group = 0; group < collectors_.size(); ++group) {
    const uint64_t begin = statistics.size();
    std::memcpy(&statistics[8 * group], &begin, 8);
    EncodeStatistics(collectors_[group].Finish(), &statistics);
  }
  const uint64_t end = statistics.size();
  std::memcpy(&statistics[8 * collectors_.size()], &end, 8);
  auto words = [](const std::vector<uint64_t>& v) {
    return absl::string_view(reinterpret_cast<const char*>(v.data()), 8 * v.size());
  };

  ShardHeader header;
  header.token_crcs_known = options_.index->token_crcs_known();
  header.first_sample = options_.first_sample;
  header.num_samples = added;
  header.num_tokens = num_tokens_;
  header.sections.push_back({SectionKind::kRoutes, 0, kHeaderPageBytes, file_bytes_ - kHeaderPageBytes});
  const std::string identity = EncodeIdentity(header_, options_.index->domains());
  GROUTER_RETURN_IF_ERROR(AppendSection(SectionKind::kIdentity, identity, &header));
  GROUTER_RETURN_IF_ERROR(AppendSection(SectionKind::kOffsets, words(offsets_), &header));
  GROUTER_RETURN_IF_ERROR(AppendSection(SectionKind::kLeaves, leaves_, &header));
  GROUTER_RETURN_IF_ERROR(AppendSection(SectionKind::kFacts, facts_, &header));
  GROUTER_RETURN_IF_ERROR(AppendSection(SectionKind::kCountOffsets, words(count_offsets_), &header));
  GROUTER_RETURN_IF_ERROR(AppendSection(SectionKind::kCounts, counts_, &header));
  GROUTER_RETURN_IF_ERROR(AppendSection(SectionKind::kStatistics, statistics, &header));
  GROUTER_RETURN_IF_ERROR(file_.file().WriteAt(0, EncodeShardHeader(header)));
  GROUTER_RETURN_IF_ERROR(file_.Commit());

  summary_.path = JoinPath(options_.path, ShardName(options_.first_sample, added));
  summary_.num_samples = added;
  summary_.num_tokens = num_tokens_;
  summary_.statistics_bytes = facts_.size() + 8 * count_offsets_.size() + counts_.size() + statistics.size();
  summary_.overhead_bytes = file_bytes_ - summary_.route_bytes - summary_.statistics_bytes;
  return summary_;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TableBuilder>> TableBuilder::Create(TableBuilderOptions options,
                                                                   FileSystem& files) {
  GROUTER_RETURN_IF_ERROR(Complete(&options));
  GROUTER_RETURN_IF_ERROR(files.MakeFolders(options.path));
  const std::string name = ShardName(options.first_sample, options.num_samples);
  GROUTER_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(options.path));
  for (const std::string& stale : names) {
    if (absl::StartsWith(stale, name + ".tmp.")) {
      GROUTER_RETURN_IF_ERROR(files.Remove(JoinPath(options.path, stale)));
    }
  }
  GROUTER_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(files, JoinPath(options.path, name)));
  GROUTER_RETURN_IF_ERROR(file.Append(std::string(kHeaderPageBytes, 0)));
  return std::unique_ptr<TableBuilder>(new ShardBuilder(std::move(options), std::move(file)));
}

bool TableBuilder::IsFinished(const TableBuilderOptions& given, FileSystem& files) {
  TableBuilderOptions options = given;
  if (!Complete(&options).ok()) return false;
  const std::string path = JoinPath(options.path, ShardName(options.first_sample, options.num_samples));
  if (!files.Exists(path)) return false;
  const absl::StatusOr<std::shared_ptr<const Shard>> shard = Shard::Open(path, files);
  return shard.ok() && (*shard)->header().tier == TableTier::kPlain &&
         (*shard)->identity() == EncodeIdentity(options.header, options.index->domains());
}

}  // namespace grouter
