#include "tools/certs/make_certificates.h"

#include <arpa/inet.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "io/error.h"
#include "io/pem.h"

namespace grouter {
namespace {

using pem::Certificate;
using pem::Key;
using Extension = std::unique_ptr<X509_EXTENSION, pem::Free<X509_EXTENSION_free>>;

constexpr int kSerialBytes = 16;
constexpr int kTokenBytes = 32;
constexpr size_t kMaxName = 253;

absl::Status Failed(const char* what) { return Error(absl::StatusCode::kInternal, what, "OpenSSL"); }

absl::Status Damaged() {
  return Error(absl::StatusCode::kInvalidArgument, "not a certificate authority", "ca.pem, ca.key",
               "Make a new set in an empty folder.");
}

bool IsName(const std::string& name) {
  bool good = !name.empty() && name.size() <= kMaxName;
  for (const char c : name) good = good && (absl::ascii_isalnum(c) || absl::StrContains("-._*:/~%", c));
  return good;
}

bool IsAddress(const std::string& name) {
  unsigned char bytes[sizeof(in6_addr)];
  return inet_pton(AF_INET, name.c_str(), bytes) == 1 || inet_pton(AF_INET6, name.c_str(), bytes) == 1;
}

// As OpenSSL writes subject alternative names.
absl::StatusOr<std::string> AlternativeNames(const std::vector<std::string>& names) {
  std::vector<std::string> parts;
  for (const std::string& name : names) {
    if (!IsName(name)) {
      return Error(absl::StatusCode::kInvalidArgument, "not a host name, an IP address or a URI", name);
    }
    const char* const kind = IsAddress(name) ? "IP:" : absl::StrContains(name, "://") ? "URI:" : "DNS:";
    parts.push_back(kind + name);
  }
  if (parts.empty()) return Error(absl::StatusCode::kInvalidArgument, "a certificate needs a name");
  return absl::StrJoin(parts, ",");
}

bool AddExtension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool SetSerial(X509* certificate) {
  unsigned char bytes[kSerialBytes];
  if (RAND_bytes(bytes, sizeof(bytes)) != 1) return false;
  bytes[0] &= 0x7F;  // positive
  const std::unique_ptr<BIGNUM, pem::Free<BN_free>> number(BN_bin2bn(bytes, sizeof(bytes), nullptr));
  return number != nullptr && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

// Everything but names of others, extensions and signature.
Certificate Begin(const std::string& common_name, const Validity& validity, EVP_PKEY* key) {
  Certificate certificate(X509_new());
  if (certificate == nullptr || X509_set_version(certificate.get(), 2) != 1 ||
      !SetSerial(certificate.get())) {
    return nullptr;
  }
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()), validity.not_before_s);
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()), validity.not_after_s);
  const auto* name = reinterpret_cast<const unsigned char*>(common_name.c_str());
  X509_NAME* const subject = X509_get_subject_name(certificate.get());
  if (X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_ASC,
                                 reinterpret_cast<const unsigned char*>("Grouter"), -1, -1, 0) != 1 ||
      X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, name, -1, -1, 0) != 1 ||
      X509_set_pubkey(certificate.get(), key) != 1) {
    return nullptr;
  }
  return certificate;
}

absl::StatusOr<KeyPair> Texts(X509* certificate, EVP_PKEY* key) {
  KeyPair pair;
  pair.certificate = pem::Text(certificate);
  pair.key = pem::Text(key);
  if (pair.certificate.empty() || pair.key.empty()) return Failed("cannot write a certificate");
  return pair;
}

}  // namespace

absl::StatusOr<KeyPair> MakeAuthority(const std::string& name, const Validity& validity) {
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate = key == nullptr ? nullptr : Begin(name, validity, key.get());
  if (certificate == nullptr) return Failed("cannot make a key");
  X509* const x509 = certificate.get();
  X509_set_issuer_name(x509, X509_get_subject_name(x509));
  if (!AddExtension(x509, x509, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !AddExtension(x509, x509, NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !AddExtension(x509, x509, NID_subject_key_identifier, "hash") ||
      X509_sign(x509, key.get(), EVP_sha256()) == 0) {
    return Failed("cannot sign");
  }
  return Texts(x509, key.get());
}

absl::StatusOr<KeyPair> MakeCertificate(const KeyPair& authority, Role role,
                                        const std::vector<std::string>& names, const Validity& validity) {
  GROUTER_ASSIGN_OR_RETURN(const std::string alternatives, AlternativeNames(names));
  const pem::Bio ca_text = pem::Open(authority.certificate);
  const Certificate ca = pem::ReadCertificate(ca_text.get());
  const Key ca_key = pem::ReadKey(authority.key);
  if (ca == nullptr || ca_key == nullptr || X509_check_private_key(ca.get(), ca_key.get()) != 1) {
    return Damaged();
  }
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate =
      key == nullptr ? nullptr : Begin(names.front().substr(0, 64), validity, key.get());
  if (certificate == nullptr) return Failed("cannot make a key");
  X509* const x509 = certificate.get();
  X509_set_issuer_name(x509, X509_get_subject_name(ca.get()));
  if (!AddExtension(x509, ca.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !AddExtension(x509, ca.get(), NID_key_usage, "critical,digitalSignature") ||
      !AddExtension(x509, ca.get(), NID_ext_key_usage, role == Role::kServer ? "serverAuth" : "clientAuth") ||
      !AddExtension(x509, ca.get(), NID_authority_key_identifier, "keyid") ||
      !AddExtension(x509, ca.get(), NID_subject_alt_name, alternatives) ||
      X509_sign(x509, ca_key.get(), EVP_sha256()) == 0) {
    return Failed("cannot sign");
  }
  return Texts(x509, key.get());
}

absl::StatusOr<std::string> MakeToken() {
  unsigned char bytes[kTokenBytes];
  if (RAND_bytes(bytes, sizeof(bytes)) != 1) return Failed("no random bytes");
  std::string token =
      absl::WebSafeBase64Escape(absl::string_view(reinterpret_cast<const char*>(bytes), sizeof(bytes)));
  return token;
}

}  // namespace grouter
