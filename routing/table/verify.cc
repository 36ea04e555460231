#include "routing/table/verify.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "io/error.h"
#include "routing/table/content.h"
#include "routing/table/format.h"
#include "routing/table/manifest.h"
#include "routing/table/shard.h"
#include "routing/table/statistics.h"
#include "routing/table/weights.h"

namespace grouter {
namespace {

constexpr size_t kSamplesHashedTogether = 16;

bool IsZero(absl::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0; });
}

// Empty when the routes are canonical and sound, else what is wrong.
std::string ProblemOf(const RouteView& r, const TableHeader& h) {
  const size_t weight_bytes = WeightBytes(h.weight_type);
  uint32_t num_missing = 0;
  for (uint32_t t = 0; t < r.num_tokens; ++t) {
    const bool missing = r.IsMissing(t);
    num_missing += missing;
    if (!r.num_topk.empty() && static_cast<uint8_t>(r.num_topk[t]) > (missing ? 0 : h.k)) {
      return absl::StrCat("k_t of token ", t, " is too large");
    }
    const uint32_t k = r.NumTopk(t);
    for (uint32_t i = 0; i < h.k; ++i) {
      const uint32_t id = r.Id(t, i);
      if (id >= h.num_experts || (i >= k && id != 0))
        return absl::StrCat("an id of token ", t, " is not valid");
      if (i >= k && !IsZero(r.weights.substr((size_t{t} * h.k + i) * weight_bytes, weight_bytes))) {
        return absl::StrCat("an unused weight of token ", t, " is not zero");
      }
    }
  }
  if (!r.missing.empty()) {
    if (num_missing == 0) return "the missing bitmap is empty";
    if (r.num_tokens % 8 != 0 && static_cast<uint8_t>(r.missing.back()) >> (r.num_tokens % 8) != 0) {
      return "the missing bitmap has bits past its end";
    }
  }
  const int64_t bad = FirstNonFinite(r.weights, h.weight_type);
  if (bad >= 0) return absl::StrCat("a weight of token ", bad / h.k, " is not finite");
  return "";
}

class Verifier {
 public:
  Verifier(std::string path, Manifest manifest, const VerifyOptions& options, FileSystem& files)
      : path_(std::move(path)), manifest_(std::move(manifest)), options_(options), files_(files) {}

  VerifyReport Run() {
    if (options_.index != nullptr) CheckIndex();
    const std::string identity = EncodeIdentity(manifest_.header, manifest_.domains);
    for (const ManifestShard& entry : manifest_.shards) {
      if (Full()) break;
      const absl::StatusOr<std::shared_ptr<const Shard>> shard =
          Shard::Open(JoinPath(path_, entry.name), files_);
      if (!shard.ok()) {
        Find(entry.name, 0, shard.status().message());
        continue;
      }
      if ((*shard)->header_digest() != entry.header_digest || (*shard)->file_bytes() != entry.file_bytes ||
          (*shard)->identity() != identity || (*shard)->header().first_sample != entry.first_sample ||
          (*shard)->header().num_samples != entry.num_samples ||
          (*shard)->header().num_tokens != entry.num_tokens || (*shard)->header().tier != manifest_.tier) {
        Find(entry.name, 0, "the shard is not the one its manifest names");
        continue;
      }
      CheckShard(entry.name, *shard);
      ++report_.num_shards;
      report_.num_bytes += (*shard)->file_bytes();
    }
    if (!Full() && report_.num_shards == manifest_.shards.size() && tree_.Root() != manifest_.root) {
      Find(kManifestName, 0, "the content digest is not that of the routes");
    }
    return std::move(report_);
  }

 private:
  bool Full() const { return report_.findings.size() >= options_.max_findings; }
  void Find(absl::string_view file, uint64_t offset, absl::string_view what) {
    if (!Full()) report_.findings.push_back({std::string(file), offset, std::string(what)});
  }

  void CheckIndex() {
    const SampleIndex& index = *options_.index;
    if (index.digest() != manifest_.header.sample_index_digest ||
        index.num_samples() != manifest_.num_samples) {
      Find(kManifestName, 0, "the table was made with another sample index");
    }
  }

  void CheckFacts(const std::string& name, uint64_t at, uint64_t sample, const SampleFacts& facts) {
    const std::vector<DataSplit>& splits = manifest_.header.splits;
    if (facts.domain >= std::max<size_t>(1, manifest_.domains.size()) ||
        facts.split >= std::max<size_t>(1, splits.size())) {
      Find(name, at, absl::StrCat("domain or split of sample ", sample, " does not exist"));
    } else if (!splits.empty() &&
               (sample < splits[facts.split].first_sample ||
                sample - splits[facts.split].first_sample >= splits[facts.split].num_samples)) {
      Find(name, at, absl::StrCat("sample ", sample, " does not lie in its split"));
    }
    if (options_.index == nullptr || sample >= options_.index->num_samples()) return;
    const Sample expected = options_.index->sample(sample);
    if (facts.length != expected.length || facts.num_loss_tokens != expected.num_loss_tokens ||
        facts.domain != expected.domain ||
        (manifest_.token_crcs_known && options_.index->token_crcs_known() &&
         facts.token_crc32c != expected.token_crc32c)) {
      Find(name, at,
           absl::StrCat("sample ", sample,
                        " is not the sample index's: length, loss tokens, domain or token CRC differ"));
    }
  }

  void CheckPadding(const std::string& name, const Shard& shard) {
    const std::vector<Section>& sections = shard.header().sections;
    for (const Section& section : sections) {
      const absl::Status crc = shard.CheckSection(section);
      if (!crc.ok()) Find(name, section.offset, crc.message());
      const uint64_t end = section.offset + section.bytes;
      if (!IsZero(shard.bytes().substr(end, AlignUp8(end) - end))) {
        Find(name, end, "the gap after a section is not zero");
      }
    }
  }

  void CheckShard(const std::string& name, const std::shared_ptr<const Shard>& mapped) {
    const Shard& shard = *mapped;
    const TableHeader& h = manifest_.header;
    CheckPadding(name, shard);
    std::vector<StatisticsCollector> collectors;
    for (uint32_t group = 0; group < h.num_layer_groups; ++group) collectors.emplace_back(h.num_experts);
    uint64_t next = shard.header().Find(SectionKind::kRoutes)->offset;
    const uint64_t facts_at = shard.header().Find(SectionKind::kFacts)->offset;
    uint64_t tokens = 0;
    std::vector<RouteView> views;
    std::vector<ExpertCount> counted, stored;
    std::vector<uint64_t> hashed;  // samples whose routes are in `leaves`
    SampleLeaves leaves;
    bool complete = true;
    for (uint64_t s = 0; s < shard.header().num_samples; ++s) {
      if (Full()) return;
      const uint64_t sample = shard.header().first_sample + s;
      const SampleFacts facts = shard.facts(s);
      CheckFacts(name, facts_at + s * kFactsBytes, sample, facts);
      views.clear();
      uint32_t num_missing = 0;
      for (uint32_t group = 0; group < h.num_layer_groups; ++group) {
        const absl::StatusOr<Shard::Record> record = shard.record(s, group);
        if (!record.ok()) {
          Find(name, next, record.status().message());
          complete = false;
          break;
        }
        if (record->offset != next) Find(name, record->offset, "records overlap or leave a hole");
        next = record->offset + record->layout.bytes;
        const absl::Status crc = shard.CheckRecord(s, group, *record);
        if (!crc.ok()) {
          Find(name, record->offset, crc.message());
          complete = false;
          break;
        }
        if (!IsZero(record->gap))
          Find(name, record->offset + record->layout.payload_bytes, "the gap after a record is not zero");
        RouteView view;
        if (manifest_.tier == TableTier::kPlain) {
          view = shard.View(s, *record);
        } else {
          const absl::StatusOr<RouteView> decoded = options_.decode(mapped, s, group);
          if (!decoded.ok()) {
            Find(name, record->offset, decoded.status().message());
            complete = false;
            break;
          }
          view = *decoded;
        }
        const std::string problem = ProblemOf(view, h);
        if (!problem.empty()) {
          Find(name, record->offset, absl::StrCat("sample ", sample, ", layer group ", group, ": ", problem));
          complete = false;
          break;
        }
        const absl::Status added = collectors[group].Add(view, &counted);
        const absl::Status read = shard.ExpertCounts(s, group, &stored);
        if (!added.ok()) Find(name, record->offset, added.message());
        if (!read.ok() || !Equal(counted, stored)) {
          Find(name, shard.header().Find(SectionKind::kCounts)->offset,
               absl::StrCat("the expert counts of sample ", sample, ", layer group ", group,
                            " are not those of its routes"));
        }
        for (uint32_t t = 0; t < view.num_tokens && !view.missing.empty(); ++t)
          num_missing += view.IsMissing(t);
        views.push_back(view);
      }
      if (views.size() == h.num_layer_groups) {
        leaves.Add(facts.length, views);
        hashed.push_back(s);
        if (num_missing != facts.num_missing) {
          Find(name, facts_at + s * kFactsBytes,
               absl::StrCat("sample ", sample, " misses another number of routes"));
        }
      }
      // A decoded sample's routes live until the next one is decoded.
      if (hashed.size() == (manifest_.tier == TableTier::kPlain ? kSamplesHashedTogether : 1))
        CheckLeaves(name, shard, &hashed, &leaves);
      tokens += facts.length;
      report_.num_tokens += facts.length;
      ++report_.num_samples;
      if (options_.progress && sample % 1024 == 0)
        options_.progress(report_.num_tokens, manifest_.num_tokens);
    }
    CheckLeaves(name, shard, &hashed, &leaves);
    if (!complete) return;
    CheckTotals(name, shard, next, tokens, &collectors);
  }

  void CheckLeaves(const std::string& name, const Shard& shard, std::vector<uint64_t>* hashed,
                   SampleLeaves* leaves) {
    const std::vector<Digest> digests = leaves->Finish();
    for (size_t i = 0; i < digests.size(); ++i) {
      const uint64_t s = (*hashed)[i];
      if (digests[i] != shard.leaf(s)) {
        Find(name, shard.header().Find(SectionKind::kLeaves)->offset + 32 * s,
             absl::StrCat("the digest of sample ", shard.header().first_sample + s,
                          " is not that of its routes"));
      }
      tree_.Add(digests[i]);
    }
    hashed->clear();
  }

  void CheckTotals(const std::string& name, const Shard& shard, uint64_t end, uint64_t tokens,
                   std::vector<StatisticsCollector>* collectors) {
    const Section& routes = *shard.header().Find(SectionKind::kRoutes);
    if (end != routes.offset + routes.bytes) Find(name, end, "there are bytes after the last record");
    if (tokens != shard.header().num_tokens) Find(name, 40, "the shard holds another number of tokens");
    const absl::string_view section = shard.SectionBytes(SectionKind::kStatistics);
    std::string anew;
    for (uint32_t group = 0; group < collectors->size(); ++group) {
      EncodeStatistics((*collectors)[group].Finish(), &anew);
    }
    if (section.substr(std::min<size_t>(section.size(), 8 * (collectors->size() + 1))) != anew) {
      Find(name, shard.header().Find(SectionKind::kStatistics)->offset,
           "the statistics are not those of the routes");
    }
  }

  static bool Equal(const std::vector<ExpertCount>& a, const std::vector<ExpertCount>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const ExpertCount& x, const ExpertCount& y) {
      return x.expert == y.expert && x.count == y.count;
    });
  }

  const std::string path_;
  const Manifest manifest_;
  const VerifyOptions& options_;
  FileSystem& files_;
  VerifyReport report_;
  MerkleTree tree_;
};

}  // namespace

absl::StatusOr<VerifyReport> VerifyTable(const std::string& path, const VerifyOptions& options,
                                         FileSystem& files) {
  absl::StatusOr<std::string> bytes = files.ReadFile(JoinPath(path, kManifestName), uint64_t{1} << 30);
  if (!bytes.ok()) return Annotate(bytes.status(), "no complete routing table here");
  absl::StatusOr<Manifest> manifest = DecodeManifest(*bytes);
  if (!manifest.ok()) {
    VerifyReport report;
    report.findings.push_back({kManifestName, 0, std::string(manifest.status().message())});
    return report;
  }
  if (manifest->tier != TableTier::kPlain && !options.decode) {
    return Error(absl::StatusCode::kFailedPrecondition, "a packed table needs a decoder", path, "");
  }
  return Verifier(path, *std::move(manifest), options, files).Run();
}

}  // namespace grouter
