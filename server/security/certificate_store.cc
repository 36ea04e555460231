#include "server/security/certificate_store.h"

#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"
#include "io/error.h"

namespace grouter {
namespace {

constexpr uint64_t kMaxFileBytes = 1 << 20;

absl::StatusOr<std::string> ReadPart(FileSystem& files, const std::string& path, const char* part) {
  absl::StatusOr<std::string> text = files.ReadFile(path, kMaxFileBytes);
  if (text.ok()) return text;
  // A wrong path is a wrong configuration, whatever the disk says.
  return absl::FailedPreconditionError(absl::StrCat("tls.", part, ": ", text.status().message()));
}

}  // namespace

int64_t CertificateStore::SystemClock() { return std::time(nullptr); }

absl::StatusOr<CertificateTexts> CertificateStore::Read() const {
  CertificateTexts texts;
  GROUTER_ASSIGN_OR_RETURN(texts.chain, ReadPart(files_, paths_.chain, "certificate"));
  GROUTER_ASSIGN_OR_RETURN(texts.key, ReadPart(files_, paths_.key, "key"));
  if (!paths_.client_ca.empty()) {
    GROUTER_ASSIGN_OR_RETURN(texts.client_ca, ReadPart(files_, paths_.client_ca, "client_ca"));
  }
  return texts;
}

absl::StatusOr<std::shared_ptr<CertificateStore>> CertificateStore::Open(const CertificatePaths& paths,
                                                                         FileSystem& files, Clock clock) {
  std::shared_ptr<CertificateStore> store(new CertificateStore(paths, files, std::move(clock)));
  GROUTER_RETURN_IF_ERROR(store->Reload().status());
  return store;
}

std::shared_ptr<const CertificateSet> CertificateStore::current() const {
  MutexLock lock(&mutex_);
  return current_;
}

CertificateCounters CertificateStore::counters() const {
  MutexLock lock(&mutex_);
  return counters_;
}

absl::StatusOr<bool> CertificateStore::Reload() {
  MutexLock reload(&reload_mutex_);
  absl::StatusOr<CertificateTexts> texts = Read();
  const std::shared_ptr<const CertificateSet> before = current();
  absl::Status problem = texts.status();
  CertificateFacts facts;
  if (problem.ok()) {
    if (before != nullptr && *texts == before->texts) {
      refused_ = absl::OkStatus();
      refused_texts_ = {};
      MutexLock lock(&mutex_);
      counters_.stale = false;
      return false;
    }
    if (!refused_.ok() && *texts == refused_texts_) return false;
    absl::StatusOr<CertificateFacts> valid = ValidateCertificates(*texts, clock_());
    problem = valid.status();
    if (valid.ok()) facts = *valid;
  } else if (problem == refused_) {
    return false;
  }
  MutexLock lock(&mutex_);
  if (!problem.ok()) {
    refused_ = problem;
    refused_texts_ = texts.ok() ? *std::move(texts) : CertificateTexts();
    ++counters_.refused;
    counters_.stale = before != nullptr;
    return problem;
  }
  refused_ = absl::OkStatus();
  refused_texts_ = {};
  auto set = std::make_shared<CertificateSet>();
  set->texts = *std::move(texts);
  set->facts = facts;
  set->generation = before == nullptr ? 1 : before->generation + 1;
  current_ = std::move(set);
  ++counters_.reloads;
  counters_.stale = false;
  counters_.not_after_s = facts.not_after_s;
  return true;
}

}  // namespace grouter
