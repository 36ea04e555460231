#include "routing/table/packed/rewrite_shard.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "io/error.h"
#include "io/mutex.h"
#include "routing/table/format.h"

namespace grouter {
namespace {

constexpr uint64_t kWriteBytes = 4 << 20;

// Appends in large pieces and knows where it is.
class Output {
 public:
  explicit Output(AtomicFile* file) : file_(*file) {}
  uint64_t offset() const { return offset_; }
  absl::Status Append(absl::string_view bytes) {
    offset_ += bytes.size();
    buffer_.append(bytes.data(), bytes.size());
    return buffer_.size() < kWriteBytes ? absl::OkStatus() : Flush();
  }
  absl::Status Align() { return Append(std::string(AlignUp8(offset_) - offset_, 0)); }
  absl::Status Flush() {
    const absl::Status written = file_.Append(buffer_);
    buffer_.clear();
    return written;
  }

 private:
  AtomicFile& file_;
  std::string buffer_;
  uint64_t offset_ = 0;
};

absl::Status AppendRecord(uint64_t sample, uint32_t group, absl::string_view payload, Output* out) {
  GROUTER_CHECK(payload.size() % 8 == 0);
  const RecordLayout layout = LayoutCodedRecord(payload.size());
  GROUTER_RETURN_IF_ERROR(out->Append(payload));
  std::string crcs;
  for (uint64_t block = 0; block < layout.num_blocks; ++block) {
    const uint32_t crc = BlockCrc(sample, group, block, payload.substr(block * kBlockBytes, kBlockBytes));
    crcs.append(reinterpret_cast<const char*>(&crc), 4);
  }
  crcs.resize(layout.bytes - payload.size());
  return out->Append(crcs);
}

struct MadeSample {
  absl::StatusOr<Digest> leaf = absl::UnknownError("not made");
  std::vector<std::string> payloads;
};

// Threads that make samples ahead of the one that writes them, each taking the next sample that is free.
class MakerPool {
 public:
  MakerPool(std::vector<std::unique_ptr<RecordMaker>> makers, uint64_t num_samples, uint32_t num_groups)
      : num_samples_(num_samples), makers_(std::move(makers)), places_(2 * makers_.size()) {
    for (Place& place : places_) place.sample.payloads.resize(num_groups);
    for (const auto& maker : makers_) threads_.emplace_back([this, &maker] { Run(maker.get()); });
  }
  ~MakerPool() {
    {
      MutexLock lock(&mutex_);
      stopping_ = true;
      changed_.SignalAll();
    }
    for (std::thread& thread : threads_) thread.join();
  }

  // Samples in order; what it returns lives until the next call.
  const MadeSample& Next() {
    MutexLock lock(&mutex_);
    if (taken_ > 0) places_[(taken_ - 1) % places_.size()].made = false;
    Place& place = places_[taken_++ % places_.size()];
    changed_.SignalAll();
    while (!place.made) changed_.Wait(&mutex_);
    return place.sample;
  }

 private:
  struct Place {
    bool made = false;
    MadeSample sample;
  };

  void Run(RecordMaker* maker) {
    mutex_.Lock();
    while (true) {
      // The sample that the writer holds keeps its place.
      while (!stopping_ && next_ < num_samples_ && next_ + 1 >= taken_ + places_.size()) {
        changed_.Wait(&mutex_);
      }
      if (stopping_ || next_ >= num_samples_) break;
      const uint64_t sample = next_++;
      Place& place = places_[sample % places_.size()];
      mutex_.Unlock();
      place.sample.leaf = maker->Make(sample, &place.sample.payloads);
      mutex_.Lock();
      place.made = true;
      changed_.SignalAll();
    }
    mutex_.Unlock();
  }

  const uint64_t num_samples_;
  const std::vector<std::unique_ptr<RecordMaker>> makers_;
  Mutex mutex_;
  CondVar changed_;
  uint64_t next_ ABSL_GUARDED_BY(mutex_) = 0;   // to make
  uint64_t taken_ ABSL_GUARDED_BY(mutex_) = 0;  // by the writer, the one it holds included
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Place> places_;  // a sample's belongs to who makes it until it is made, then to the writer
  std::vector<std::thread> threads_;
};

}  // namespace

absl::Status RewriteShard(const Shard& from, const ShardRewrite& rewrite, const std::string& path,
                          FileSystem& files) {
  const ShardHeader& old = from.header();
  GROUTER_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(files, path));
  Output out(&file);
  GROUTER_RETURN_IF_ERROR(out.Append(std::string(kHeaderPageBytes, 0)));
  const uint32_t num_groups = from.table_header().num_layer_groups;
  const uint64_t cores = rewrite.num_threads > 0 ? rewrite.num_threads : std::thread::hardware_concurrency();
  std::vector<std::unique_ptr<RecordMaker>> makers;
  for (uint64_t i = std::max<uint64_t>(1, std::min(cores, old.num_samples)); i-- > 0;) {
    GROUTER_ASSIGN_OR_RETURN(std::unique_ptr<RecordMaker> maker, rewrite.maker());
    makers.push_back(std::move(maker));
  }
  MakerPool pool(std::move(makers), old.num_samples, num_groups);
  std::vector<uint64_t> offsets;
  std::string leaves;
  for (uint64_t s = 0; s < old.num_samples; ++s) {
    const MadeSample& made = pool.Next();
    GROUTER_RETURN_IF_ERROR(made.leaf.status());
    for (uint32_t g = 0; g < num_groups; ++g) {
      GROUTER_ASSIGN_OR_RETURN(const Shard::Record record, from.record(s, g));
      offsets.push_back(out.offset() | (record.has_missing ? kOffsetHasMissing : 0));
      GROUTER_RETURN_IF_ERROR(AppendRecord(old.first_sample + s, g, made.payloads[g], &out));
    }
    leaves.append(reinterpret_cast<const char*>(made.leaf->bytes.data()), made.leaf->bytes.size());
    if (rewrite.progress) rewrite.progress(s + 1);
  }
  offsets.push_back(out.offset());

  ShardHeader header = old;
  header.format_major = kTableFormatMajor;
  header.format_minor = kTableFormatMinor;
  header.tier = rewrite.tier;
  header.sections.clear();
  header.sections.push_back({SectionKind::kRoutes, 0, kHeaderPageBytes, out.offset() - kHeaderPageBytes});
  const absl::string_view offset_bytes(reinterpret_cast<const char*>(offsets.data()), 8 * offsets.size());
  const std::pair<SectionKind, absl::string_view> sections[] = {
      {SectionKind::kIdentity, rewrite.identity},
      {SectionKind::kOffsets, offset_bytes},
      {SectionKind::kLeaves, leaves},
      {SectionKind::kFacts, from.SectionBytes(SectionKind::kFacts)},
      {SectionKind::kCountOffsets, from.SectionBytes(SectionKind::kCountOffsets)},
      {SectionKind::kCounts, from.SectionBytes(SectionKind::kCounts)},
      {SectionKind::kStatistics, from.SectionBytes(SectionKind::kStatistics)},
      {SectionKind::kCodec, rewrite.codec},
  };
  for (const auto& [kind, bytes] : sections) {
    if (kind == SectionKind::kCodec && bytes.empty()) continue;
    const Section* section = old.Find(kind);
    if (section != nullptr) GROUTER_RETURN_IF_ERROR(from.CheckSection(*section));
    header.sections.push_back({kind, Crc32c(bytes), out.offset(), bytes.size()});
    GROUTER_RETURN_IF_ERROR(out.Append(bytes));
    GROUTER_RETURN_IF_ERROR(out.Align());
  }
  GROUTER_RETURN_IF_ERROR(out.Flush());
  GROUTER_RETURN_IF_ERROR(file.file().WriteAt(0, EncodeShardHeader(header)));
  return file.Commit();
}

}  // namespace grouter
