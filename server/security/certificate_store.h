// The certificates in use: read from files, validated before they go live, read again on demand.
#ifndef GROUTER_SERVER_SECURITY_CERTIFICATE_STORE_H_
#define GROUTER_SERVER_SECURITY_CERTIFICATE_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "io/file.h"
#include "io/mutex.h"
#include "server/security/certificates.h"

namespace grouter {

struct CertificatePaths {
  std::string chain;
  std::string key;
  std::string client_ca;  // empty: none
};

// One validated set. Immutable.
struct CertificateSet {
  CertificateTexts texts;
  CertificateFacts facts;
  uint64_t generation = 0;  // 1 for the first, one more with each that replaced it
};

struct CertificateCounters {
  uint64_t reloads = 0;  // sets that went live, the first included
  uint64_t refused = 0;  // sets that did not hold together
  bool stale = false;    // what the files hold now was refused: an older set is in use
  int64_t not_after_s = 0;
};

// Thread-safe.
class CertificateStore {
 public:
  // Now in Unix seconds.
  using Clock = std::function<int64_t()>;
  static int64_t SystemClock();

  // FAILED_PRECONDITION when the files cannot be read or do not hold together. `files` outlives it.
  static absl::StatusOr<std::shared_ptr<CertificateStore>> Open(const CertificatePaths& paths,
                                                                FileSystem& files, Clock clock = SystemClock);

  std::shared_ptr<const CertificateSet> current() const;
  // Reads the files again. True when another set went live; false when nothing changed; the error of a set
  // that does not hold together: the one in use stays. A set that was refused is told once, until it changes.
  absl::StatusOr<bool> Reload();
  CertificateCounters counters() const;

 private:
  CertificateStore(CertificatePaths paths, FileSystem& files, Clock clock)
      : paths_(std::move(paths)), files_(files), clock_(std::move(clock)) {}
  absl::StatusOr<CertificateTexts> Read() const;

  const CertificatePaths paths_;
  FileSystem& files_;
  const Clock clock_;
  Mutex reload_mutex_;  // one reload at a time
  absl::Status refused_ ABSL_GUARDED_BY(reload_mutex_);
  CertificateTexts refused_texts_ ABSL_GUARDED_BY(reload_mutex_);
  mutable Mutex mutex_;
  std::shared_ptr<const CertificateSet> current_ ABSL_GUARDED_BY(mutex_);
  CertificateCounters counters_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace grouter

#endif  // GROUTER_SERVER_SECURITY_CERTIFICATE_STORE_H_
