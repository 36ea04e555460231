#include "routing/table/assemble.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "routing/table/content.h"
#include "routing/table/format.h"
#include "routing/table/manifest.h"
#include "routing/table/shard.h"

namespace grouter {
namespace {

absl::StatusOr<std::vector<std::string>> ShardNames(const std::string& folder, FileSystem& files) {
  GROUTER_ASSIGN_OR_RETURN(std::vector<std::string> names, files.List(folder));
  names.erase(std::remove_if(names.begin(), names.end(),
                             [](const std::string& name) { return !absl::EndsWith(name, kShardSuffix); }),
              names.end());
  return names;
}

// What a process killed while writing a manifest left.
absl::Status RemoveStaleManifests(const std::string& folder, FileSystem& files) {
  GROUTER_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(folder));
  for (const std::string& name : names) {
    if (absl::StartsWith(name, absl::StrCat(kManifestName, ".tmp."))) {
      GROUTER_RETURN_IF_ERROR(files.Remove(JoinPath(folder, name)));
    }
  }
  return absl::OkStatus();
}

absl::Status Incomplete(absl::string_view what, const std::string& path) {
  return Error(absl::StatusCode::kFailedPrecondition, what, path,
               "write the missing shards, remove the extra ones");
}

absl::StatusOr<Manifest> Describe(const std::string& path,
                                  const std::vector<std::shared_ptr<const Shard>>& shards,
                                  const AssembleProgress& progress) {
  if (shards.empty()) return Incomplete("there are no shards here", path);
  const Shard& first = *shards[0];
  Manifest m;
  m.tier = first.header().tier;
  m.token_crcs_known = first.header().token_crcs_known;
  m.header = first.table_header();
  m.domains = first.domains();
  MerkleTree tree;
  for (const auto& shard : shards) {
    const ShardHeader& h = shard->header();
    if (shard->identity() != first.identity() || h.tier != m.tier ||
        h.token_crcs_known != m.token_crcs_known) {
      return Error(absl::StatusCode::kInvalidArgument,
                   absl::StrCat("two shards have different headers: ", first.path()), shard->path(),
                   "merge shards of one sample index and one router only");
    }
    if (h.first_sample != m.num_samples) {
      return Incomplete(
          absl::StrCat(h.first_sample > m.num_samples ? "samples are missing: " : "shards overlap: ",
                       std::min(h.first_sample, m.num_samples), " to ",
                       std::max(h.first_sample, m.num_samples)),
          shard->path());
    }
    GROUTER_RETURN_IF_ERROR(shard->CheckSection(*h.Find(SectionKind::kLeaves)));
    for (uint64_t s = 0; s < h.num_samples; ++s) tree.Add(shard->leaf(s));
    m.shards.push_back({shard->path().substr(shard->path().find_last_of('/') + 1), shard->file_bytes(),
                        h.first_sample, h.num_samples, h.num_tokens, shard->header_digest()});
    m.num_samples += h.num_samples;
    m.num_tokens += h.num_tokens;
    if (progress) progress(m.shards.size(), shards.size());
  }
  if (!m.header.splits.empty()) {
    const DataSplit& last = m.header.splits.back();
    if (m.num_samples != last.first_sample + last.num_samples) {
      return Incomplete(absl::StrCat("samples are missing: ", m.num_samples, " of ",
                                     last.first_sample + last.num_samples, " are here"),
                        path);
    }
  }
  m.root = tree.Root();
  m.content_digest = ContentDigest(m.header, m.num_samples, m.root);
  return m;
}

}  // namespace

absl::StatusOr<Digest> FinishTable(const std::string& path, const std::vector<std::string>& provenance,
                                   FileSystem& files, const AssembleProgress& progress) {
  GROUTER_RETURN_IF_ERROR(RemoveStaleManifests(path, files));
  GROUTER_ASSIGN_OR_RETURN(const std::vector<std::string> names, ShardNames(path, files));
  std::vector<std::shared_ptr<const Shard>> shards;
  for (const std::string& name : names) {
    GROUTER_ASSIGN_OR_RETURN(std::shared_ptr<const Shard> shard, Shard::Open(JoinPath(path, name), files));
    shards.push_back(std::move(shard));
  }
  std::sort(shards.begin(), shards.end(), [](const auto& a, const auto& b) {
    return std::make_pair(a->header().first_sample, a->header().num_samples) <
           std::make_pair(b->header().first_sample, b->header().num_samples);
  });
  GROUTER_ASSIGN_OR_RETURN(Manifest manifest, Describe(path, shards, progress));
  manifest.provenance = provenance;
  GROUTER_RETURN_IF_ERROR(
      WriteFileAtomically(files, JoinPath(path, kManifestName), EncodeManifest(manifest)));
  return manifest.content_digest;
}

absl::Status KeepSampleIndex(const std::string& from, const std::string& to, FileSystem& files) {
  const std::string there = JoinPath(from, kSampleIndexName), here = JoinPath(to, kSampleIndexName);
  if (!files.Exists(there) || files.Exists(here)) return absl::OkStatus();
  return files.Link(there, here);
}

absl::StatusOr<Digest> MergeTables(const std::vector<std::string>& inputs, const std::string& output,
                                   const std::vector<std::string>& provenance, FileSystem& files,
                                   const AssembleProgress& progress) {
  GROUTER_RETURN_IF_ERROR(files.MakeFolders(output));
  for (const std::string& input : inputs) {
    GROUTER_ASSIGN_OR_RETURN(const std::vector<std::string> names, ShardNames(input, files));
    for (size_t i = 0; i < names.size(); ++i) {
      const std::string& name = names[i];
      if (progress) progress(i, names.size());
      const std::string to = JoinPath(output, name);
      if (files.Exists(to)) {
        GROUTER_ASSIGN_OR_RETURN(const std::shared_ptr<const Shard> old, Shard::Open(to, files));
        GROUTER_ASSIGN_OR_RETURN(const std::shared_ptr<const Shard> now,
                                 Shard::Open(JoinPath(input, name), files));
        if (old->header_digest() == now->header_digest()) continue;
        return Error(absl::StatusCode::kInvalidArgument,
                     absl::StrCat("two shards hold the same samples: ", name), to,
                     "merge each range once, into an empty folder");
      }
      GROUTER_RETURN_IF_ERROR(files.Link(JoinPath(input, name), to));
    }
  }
  GROUTER_ASSIGN_OR_RETURN(const Digest digest, FinishTable(output, provenance, files, progress));
  // Only now: shards of one table name one sample index.
  for (const std::string& input : inputs) GROUTER_RETURN_IF_ERROR(KeepSampleIndex(input, output, files));
  return digest;
}

}  // namespace grouter
