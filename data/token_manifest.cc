#include "data/token_manifest.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "io/json.h"

namespace grouter {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kFormat[] = "grouter tokens";
constexpr int kVersion = 1;

absl::Status Malformed(absl::string_view what, absl::string_view where) {
  return Error(absl::StatusCode::kInvalidArgument, what, where, "tokenize again");
}

absl::Status CheckConsistent(const TokenManifest& manifest, absl::string_view where) {
  uint64_t left = manifest.num_documents;
  for (const DomainRun& run : manifest.domain_runs) {
    if (run.domain >= manifest.domains.size())
      return Malformed("a run of a domain that is not listed", where);
    if (run.num_documents > left) return Malformed("more documents in runs than in all", where);
    left -= run.num_documents;
  }
  if (left != 0) return Malformed("fewer documents in runs than in all", where);
  if (manifest.eod_token < -1 || manifest.eod_token >= int64_t{manifest.vocab_size}) {
    return Malformed("the end-of-document token is outside the vocabulary", where);
  }
  return absl::OkStatus();
}

}  // namespace

std::string TokenManifest::ToJson() const {
  Json root;
  root["format"] = kFormat;
  root["version"] = kVersion;
  root["tokenizer_digest"] = tokenizer_digest.Hex();
  root["corpus_digest"] = corpus_digest.Hex();
  root["vocab_size"] = vocab_size;
  root["eod_token"] = eod_token;
  root["num_documents"] = num_documents;
  root["num_tokens"] = num_tokens;
  root["domains"] = domains;
  Json& runs = root["domain_runs"] = Json::array();
  for (const DomainRun& run : domain_runs) runs.push_back({run.domain, run.num_documents});
  return root.dump() + "\n";
}

absl::StatusOr<TokenManifest> TokenManifest::Parse(absl::string_view json, absl::string_view where) {
  const Json root = ParseOrderedJson(json);
  if (!root.is_object()) return Malformed("not a JSON object", where);
  TokenManifest manifest;
  try {
    if (root.value("format", "") != kFormat) return Malformed("not a token manifest", where);
    if (root.at("version").get<int>() > kVersion) {
      return Error(absl::StatusCode::kUnimplemented, "a newer token manifest", where, "use a newer grouter");
    }
    GROUTER_ASSIGN_OR_RETURN(manifest.tokenizer_digest,
                             Digest::FromHex(root.at("tokenizer_digest").get<std::string>()));
    GROUTER_ASSIGN_OR_RETURN(manifest.corpus_digest,
                             Digest::FromHex(root.at("corpus_digest").get<std::string>()));
    manifest.vocab_size = root.at("vocab_size").get<uint32_t>();
    manifest.eod_token = root.at("eod_token").get<int64_t>();
    manifest.num_documents = root.at("num_documents").get<uint64_t>();
    manifest.num_tokens = root.at("num_tokens").get<uint64_t>();
    manifest.domains = root.at("domains").get<std::vector<std::string>>();
    for (const Json& run : root.at("domain_runs")) {
      manifest.domain_runs.push_back({run.at(0).get<uint32_t>(), run.at(1).get<uint64_t>()});
    }
  } catch (const Json::exception&) {
    return Malformed("a field is missing or of the wrong type", where);
  }
  GROUTER_RETURN_IF_ERROR(CheckConsistent(manifest, where));
  return manifest;
}

absl::StatusOr<absl::optional<TokenManifest>> TokenManifest::Load(const std::string& prefix,
                                                                  FileSystem& files) {
  const std::string path = absl::StrCat(prefix, ".json");
  if (!files.Exists(path)) return absl::optional<TokenManifest>();
  GROUTER_ASSIGN_OR_RETURN(const std::string json, files.ReadFile(path));
  GROUTER_ASSIGN_OR_RETURN(TokenManifest manifest, Parse(json, path));
  return absl::optional<TokenManifest>(std::move(manifest));
}

}  // namespace grouter
