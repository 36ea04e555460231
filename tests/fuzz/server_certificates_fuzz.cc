// Certificate files: chain, key and the clients' CA, separated by NUL.
#include <cstdint>
#include <string>

#include "io/error.h"
#include "server/security/certificates.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  grouter::CertificateTexts texts;
  const size_t first = text.find('\0');
  texts.chain = text.substr(0, first);
  if (first != std::string::npos) {
    const size_t second = text.find('\0', first + 1);
    texts.key = text.substr(first + 1, second == std::string::npos ? second : second - first - 1);
    if (second != std::string::npos) texts.client_ca = text.substr(second + 1);
  }
  const auto facts = grouter::ValidateCertificates(texts, 2000000000);
  if (facts.ok()) GROUTER_CHECK(facts->not_after_s > 2000000000);
  return 0;
}
