#include "tools/pipeline/ledger.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "io/error.h"
#include "io/json.h"

namespace grouter {
namespace {

absl::StatusOr<Digest> DigestFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoError(errno, "cannot read", path);
  Sha256Stream stream;
  std::vector<char> block(1 << 20);
  ssize_t got;
  while ((got = read(fd, block.data(), block.size())) > 0)
    stream.Update(block.data(), static_cast<size_t>(got));
  const int error = errno;
  close(fd);
  if (got < 0) return ErrnoError(error, "cannot read", path);
  return stream.Finish();
}

}  // namespace

absl::StatusOr<Digest> DigestPath(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::is_directory(path, error)) return DigestFile(path);
  std::vector<std::string> names;
  auto it = fs::recursive_directory_iterator(path, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    const bool hidden = it->path().filename().string()[0] == '.';
    if (hidden && it->is_directory(error)) it.disable_recursion_pending();
    if (!hidden && it->is_regular_file(error)) names.push_back(it->path().lexically_relative(path).string());
  }
  if (error) return ErrnoError(error.value(), "cannot read the folder", path);
  std::sort(names.begin(), names.end());
  Sha256Stream stream;
  for (const std::string& name : names) {
    GROUTER_ASSIGN_OR_RETURN(const Digest digest, DigestFile(JoinPath(path, name)));
    stream.Update(name + '\0');
    stream.Update(digest.bytes.data(), digest.bytes.size());
  }
  return stream.Finish();
}

std::string Ledger::PathOf(const std::string& step) const { return JoinPath(folder_, step + ".json"); }

absl::optional<StepRecord> Ledger::Find(const std::string& step) {
  const absl::StatusOr<std::string> text = files_.ReadFile(PathOf(step), 1 << 20);
  if (!text.ok()) return absl::nullopt;
  const nlohmann::json json = ParseJson(*text);
  StepRecord record;
  try {
    absl::StatusOr<Digest> key = Digest::FromHex(json.at("key").get<std::string>());
    if (!key.ok()) return absl::nullopt;
    record.key = *key;
    for (const auto& output : json.at("outputs").items()) {
      absl::StatusOr<Digest> digest = Digest::FromHex(output.value().get<std::string>());
      if (!digest.ok()) return absl::nullopt;
      record.outputs[output.key()] = *digest;
    }
    record.seconds = json.at("seconds").get<double>();
    record.peak_memory_bytes = json.at("peak_memory_bytes").get<uint64_t>();
  } catch (const nlohmann::json::exception&) {
    return absl::nullopt;
  }
  return record;
}

absl::Status Ledger::Write(const std::string& step, const StepRecord& record) {
  nlohmann::json json = {{"key", record.key.Hex()},
                         {"outputs", nlohmann::json::object()},
                         {"seconds", record.seconds},
                         {"peak_memory_bytes", record.peak_memory_bytes}};
  for (const auto& output : record.outputs) json["outputs"][output.first] = output.second.Hex();
  GROUTER_RETURN_IF_ERROR(files_.MakeFolders(folder_));
  return WriteFileAtomically(files_, PathOf(step), json.dump(1) + "\n");
}

absl::Status Ledger::Forget(const std::string& step) { return files_.Remove(PathOf(step)); }

}  // namespace grouter
