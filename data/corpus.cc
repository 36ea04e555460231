#include "data/corpus.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "data/tokenizer/text.h"
#include "io/coding.h"
#include "io/error.h"
#include "io/json.h"

namespace grouter {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr char kFormat[] = "grouter corpus";
constexpr int kVersion = 1;
constexpr char kDocuments[] = "documents.bin";
constexpr char kManifest[] = "corpus.json";
constexpr char kDefaultDomain[] = "default";
constexpr char kRemake[] = "make the corpus again";
constexpr uint64_t kPieceBytes = uint64_t{8} << 20;

struct InputFile {
  std::string domain;
  std::string name;
  std::string path;
  uint64_t bytes;
  bool operator<(const InputFile& other) const {
    return std::tie(domain, name) < std::tie(other.domain, other.name);
  }
};

bool IsHidden(const fs::path& path) { return path.filename().string().rfind('.', 0) == 0; }

// `to` is left out when it lies below `from`: a corpus is no part of itself.
absl::StatusOr<std::vector<InputFile>> ListInputs(const std::string& from, const std::string& to) {
  std::error_code error;
  const fs::file_status status = fs::status(from, error);
  if (!fs::exists(status)) {
    return Error(absl::StatusCode::kNotFound, "no corpus", from, "give an existing folder of text files");
  }
  if (!fs::is_directory(status)) {
    return Error(absl::StatusCode::kInvalidArgument, "not a folder", from, "give a folder of text files");
  }
  std::vector<InputFile> inputs;
  fs::recursive_directory_iterator it(from, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    std::error_code ignored;
    const bool is_folder = it->is_directory(ignored);
    if (IsHidden(it->path()) || (is_folder && fs::equivalent(it->path(), to, ignored))) {
      if (is_folder) it.disable_recursion_pending();
      continue;
    }
    if (!it->is_regular_file(error)) continue;
    const uint64_t bytes = it->file_size(error);
    if (error) return ErrnoError(error.value(), "cannot read", it->path().string());
    if (bytes == 0) continue;
    const fs::path below = it->path().lexically_relative(from);
    InputFile input{kDefaultDomain, below.generic_string(), it->path().string(), bytes};
    if (it.depth() > 0) {
      input.domain = below.begin()->string();
      input.name = below.lexically_relative(input.domain).generic_string();
    }
    inputs.push_back(std::move(input));
  }
  if (error) return ErrnoError(error.value(), "cannot read the folder", from);
  std::sort(inputs.begin(), inputs.end());
  if (inputs.empty()) {
    return Error(absl::StatusCode::kInvalidArgument, "an empty corpus: no file with text", from,
                 "put text files there, a sub-folder for each domain");
  }
  return inputs;
}

// At most `limit` bytes, not ending inside a UTF-8 character.
absl::string_view CutBeforeCharacter(absl::string_view text, uint64_t limit) {
  if (text.size() <= limit) return text;
  uint64_t end = limit;
  for (int back = 0; back < 3 && end > 0 && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80; ++back) --end;
  return text.substr(0, end);
}

absl::Status AppendDocument(absl::string_view text, AtomicFile* out, Digest* sha256) {
  Sha256Stream stream;
  for (uint64_t at = 0; at < text.size(); at += kPieceBytes) {
    const absl::string_view piece = text.substr(at, kPieceBytes);
    stream.Update(piece);
    GROUTER_RETURN_IF_ERROR(out->Append(piece));
  }
  *sha256 = stream.Finish();
  return absl::OkStatus();
}

absl::Status NotACorpus(absl::string_view what, absl::string_view where) {
  return Error(absl::StatusCode::kInvalidArgument, what, where, kRemake);
}

}  // namespace

Digest Corpus::ComputeDigest() const {
  ByteWriter out;
  out.PutString("grouter corpus 1");
  out.Put<uint32_t>(static_cast<uint32_t>(domains_.size()));
  for (const std::string& domain : domains_) out.PutString(domain);
  out.Put<uint64_t>(documents_.size());
  for (const CorpusDocument& document : documents_) {
    out.PutString(document.name);
    out.Put<uint32_t>(document.domain);
    out.Put<uint64_t>(document.bytes);
    out.PutDigest(document.sha256);
  }
  return Sha256(out.bytes());
}

std::string Corpus::ManifestJson() const {
  Json root;
  root["format"] = kFormat;
  root["version"] = kVersion;
  root["digest"] = digest_.Hex();
  root["num_documents"] = documents_.size();
  root["num_bytes"] = num_bytes_;
  root["domains"] = domains_;
  Json& documents = root["documents"] = Json::array();
  for (const CorpusDocument& document : documents_) {
    documents.push_back({{"name", document.name},
                         {"domain", document.domain},
                         {"offset", document.offset},
                         {"bytes", document.bytes},
                         {"sha256", document.sha256.Hex()}});
  }
  return root.dump(1) + "\n";
}

absl::StatusOr<std::shared_ptr<const Corpus>> Corpus::ParseManifest(absl::string_view json,
                                                                    absl::string_view where) {
  const Json root = ParseOrderedJson(json);
  if (!root.is_object()) return NotACorpus("not a JSON object", where);
  auto corpus = std::make_shared<Corpus>();
  try {
    if (root.value("format", "") != kFormat) return NotACorpus("not a corpus manifest", where);
    if (root.at("version").get<int>() > kVersion) {
      return Error(absl::StatusCode::kUnimplemented, "a newer corpus format", where, "use a newer grouter");
    }
    corpus->domains_ = root.at("domains").get<std::vector<std::string>>();
    for (const Json& node : root.at("documents")) {
      CorpusDocument document;
      document.name = node.at("name").get<std::string>();
      document.domain = node.at("domain").get<uint32_t>();
      document.offset = node.at("offset").get<uint64_t>();
      document.bytes = node.at("bytes").get<uint64_t>();
      GROUTER_ASSIGN_OR_RETURN(document.sha256, Digest::FromHex(node.at("sha256").get<std::string>()));
      const bool follows =
          document.offset == corpus->num_bytes_ && document.bytes <= UINT64_MAX - document.offset;
      if (!follows || document.domain >= corpus->domains_.size()) {
        return NotACorpus(
            absl::StrCat("document ", corpus->documents_.size(), " has a wrong offset or domain"), where);
      }
      corpus->num_bytes_ += document.bytes;
      corpus->documents_.push_back(std::move(document));
    }
    GROUTER_ASSIGN_OR_RETURN(corpus->digest_, Digest::FromHex(root.at("digest").get<std::string>()));
  } catch (const Json::exception&) {
    return NotACorpus("a field is missing or of the wrong type", where);
  }
  if (corpus->digest_ != corpus->ComputeDigest()) {
    return Error(absl::StatusCode::kDataLoss, "the digest does not fit the documents", where, kRemake);
  }
  return std::shared_ptr<const Corpus>(std::move(corpus));
}

absl::StatusOr<std::shared_ptr<const Corpus>> Corpus::Open(const std::string& folder, FileSystem& files) {
  const std::string manifest = JoinPath(folder, kManifest);
  absl::StatusOr<std::string> json = files.ReadFile(manifest);
  if (!json.ok()) return Annotate(json.status(), "not a finished corpus");
  GROUTER_ASSIGN_OR_RETURN(std::shared_ptr<const Corpus> parsed, ParseManifest(*json, manifest));
  auto corpus = std::make_shared<Corpus>(*parsed);
  GROUTER_ASSIGN_OR_RETURN(corpus->bin_, files.Map(JoinPath(folder, kDocuments)));
  if (corpus->bin_->size() != corpus->num_bytes_) {
    return Error(
        absl::StatusCode::kDataLoss,
        absl::StrCat("the file has ", corpus->bin_->size(), " bytes, its manifest says ", corpus->num_bytes_),
        corpus->bin_->path(), kRemake);
  }
  return std::shared_ptr<const Corpus>(std::move(corpus));
}

absl::Status Corpus::Verify() const {
  for (uint64_t i = 0; i < num_documents(); ++i) {
    if (Sha256(text(i)) != documents_[i].sha256) {
      return Error(absl::StatusCode::kDataLoss,
                   absl::StrCat("document \"", documents_[i].name, "\" was changed"),
                   absl::StrCat(bin_->path(), " byte ", documents_[i].offset), kRemake);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const Corpus>> BuildCorpus(const std::string& from, const std::string& to,
                                                          const CorpusOptions& options, FileSystem& files) {
  GROUTER_ASSIGN_OR_RETURN(const std::vector<InputFile> inputs, ListInputs(from, to));
  uint64_t total = 0, done = 0;
  for (const InputFile& input : inputs) total += input.bytes;
  GROUTER_RETURN_IF_ERROR(files.MakeFolders(to));
  GROUTER_ASSIGN_OR_RETURN(AtomicFile out, AtomicFile::Create(files, JoinPath(to, kDocuments)));
  auto corpus = std::make_shared<Corpus>();
  std::string domain;
  uint64_t left = 0;  // of this domain's bytes
  for (const InputFile& input : inputs) {
    if (corpus->domains_.empty() || domain != input.domain) {
      domain = input.domain;
      corpus->domains_.push_back(ReplaceIllFormed(domain));  // file names are any bytes
      left = options.max_bytes_per_domain == 0 ? UINT64_MAX : options.max_bytes_per_domain;
    }
    done += input.bytes;
    GROUTER_ASSIGN_OR_RETURN(const std::shared_ptr<const MappedFile> file, files.Map(input.path));
    const absl::string_view text = CutBeforeCharacter(file->bytes(), left);
    left = text.size() < file->size() ? 0 : left - text.size();
    if (!text.empty()) {
      CorpusDocument document;
      document.name = ReplaceIllFormed(input.name);
      document.domain = static_cast<uint32_t>(corpus->domains_.size() - 1);
      document.offset = corpus->num_bytes_;
      document.bytes = text.size();
      GROUTER_RETURN_IF_ERROR(AppendDocument(text, &out, &document.sha256));
      corpus->num_bytes_ += document.bytes;
      corpus->documents_.push_back(std::move(document));
    }
    if (options.progress) options.progress(done, total);
  }
  corpus->digest_ = corpus->ComputeDigest();
  const std::string manifest = JoinPath(to, kManifest);
  // An older manifest must never lie beside the new documents.
  GROUTER_RETURN_IF_ERROR(files.Remove(manifest));
  GROUTER_RETURN_IF_ERROR(out.Commit());
  GROUTER_RETURN_IF_ERROR(WriteFileAtomically(files, manifest, corpus->ManifestJson()));
  return Corpus::Open(to, files);
}

}  // namespace grouter
