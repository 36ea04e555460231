// OpenSSL's keys and certificates as objects that free themselves, and as PEM text. Never asks a terminal for
// a password. Thread-safe on objects of one's own; what failed is in OpenSSL's error queue of the thread.
#ifndef GROUTER_IO_PEM_H_
#define GROUTER_IO_PEM_H_

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace grouter::pem {

// Deletes by one of OpenSSL's functions.
template <auto free>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    free(object);
  }
};
using Bio = std::unique_ptr<BIO, Free<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;

// Reads `text` where it lies: it outlives the Bio.
Bio Open(const std::string& text);

// The next certificate; null at the end of the text, and at a damaged one.
Certificate ReadCertificate(BIO* from);

// The first private key; null when there is none, or one with a password.
Key ReadKey(const std::string& text);

// "" when OpenSSL refuses.
std::string Text(X509* certificate);
std::string Text(EVP_PKEY* key);

}  // namespace grouter::pem

#endif  // GROUTER_IO_PEM_H_
