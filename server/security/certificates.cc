#include "server/security/certificates.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "io/pem.h"

namespace grouter {
namespace {

using pem::Certificate;
using Context = std::unique_ptr<SSL_CTX, pem::Free<SSL_CTX_free>>;

constexpr int kMaxChain = 16;
constexpr int kMaxSubject = 128;

absl::Status Wrong(const std::string& what, const char* part) {
  ERR_clear_error();
  return Error(absl::StatusCode::kFailedPrecondition, what, absl::StrCat("tls.", part),
               "Give PEM files that belong together; `grouter certs init` makes a set.");
}

absl::StatusOr<std::vector<Certificate>> ReadChain(const std::string& text, const char* part) {
  const pem::Bio bio = pem::Open(text);
  std::vector<Certificate> chain;
  while (chain.size() < kMaxChain) {
    Certificate certificate = pem::ReadCertificate(bio.get());
    if (certificate == nullptr) break;
    chain.push_back(std::move(certificate));
  }
  const unsigned long error = ERR_peek_last_error();
  const bool at_end = chain.size() == kMaxChain || ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  if (chain.empty()) return Wrong("no certificate in it", part);
  if (!at_end) return Wrong("a certificate in it is damaged", part);
  ERR_clear_error();
  return chain;
}

int64_t UnixTime(const ASN1_TIME* time) {
  std::tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? timegm(&parts) : 0;
}

absl::Status CheckTimes(const std::vector<Certificate>& chain, int64_t now_s, const char* part) {
  for (const Certificate& certificate : chain) {
    if (UnixTime(X509_get0_notBefore(certificate.get())) > now_s) return Wrong("it is not valid yet", part);
    if (UnixTime(X509_get0_notAfter(certificate.get())) <= now_s) return Wrong("it has expired", part);
  }
  return absl::OkStatus();
}

int64_t FirstEnd(const std::vector<Certificate>& chain, int64_t end) {
  for (const Certificate& certificate : chain) {
    end = std::min(end, UnixTime(X509_get0_notAfter(certificate.get())));
  }
  return end;
}

}  // namespace

absl::StatusOr<CertificateFacts> ValidateCertificates(const CertificateTexts& texts, int64_t now_s) {
  ERR_clear_error();
  GROUTER_ASSIGN_OR_RETURN(const std::vector<Certificate> chain, ReadChain(texts.chain, "certificate"));
  GROUTER_RETURN_IF_ERROR(CheckTimes(chain, now_s, "certificate"));
  for (size_t i = 0; i + 1 < chain.size(); ++i) {
    if (X509_check_issued(chain[i + 1].get(), chain[i].get()) != X509_V_OK) {
      return Wrong("a certificate of the chain is not issued by the one after it", "certificate");
    }
  }
  if (X509_check_purpose(chain[0].get(), X509_PURPOSE_SSL_SERVER, 0) != 1) {
    return Wrong("the certificate is not one for servers", "certificate");
  }
  const pem::Key key = pem::ReadKey(texts.key);
  if (key == nullptr) return Wrong("no private key in it, or one with a password", "key");
  // As the transport will: this also refuses what the library's security level does.
  const Context context(SSL_CTX_new(TLS_server_method()));
  if (context == nullptr || SSL_CTX_use_certificate(context.get(), chain[0].get()) != 1) {
    return Wrong("the certificate's key or signature is too weak", "certificate");
  }
  if (X509_check_private_key(chain[0].get(), key.get()) != 1 ||
      SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1) {
    return Wrong("the key is not the certificate's", "key");
  }
  CertificateFacts facts;
  facts.not_after_s = FirstEnd(chain, INT64_MAX);
  if (!texts.client_ca.empty()) {
    GROUTER_ASSIGN_OR_RETURN(const std::vector<Certificate> roots, ReadChain(texts.client_ca, "client_ca"));
    GROUTER_RETURN_IF_ERROR(CheckTimes(roots, now_s, "client_ca"));
    facts.not_after_s = FirstEnd(roots, facts.not_after_s);
  }
  char subject[kMaxSubject] = "";
  X509_NAME_oneline(X509_get_subject_name(chain[0].get()), subject, sizeof(subject));
  facts.subject = subject;
  ERR_clear_error();
  return facts;
}

}  // namespace grouter
