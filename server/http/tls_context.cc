#include "server/http/tls_context.h"

#include <openssl/err.h>

#include <utility>

#include "io/pem.h"

namespace grouter {
namespace {

using Certificates = std::shared_ptr<const CertificateStore>;

// The set was validated: what fails here is memory.
int UseCurrent(SSL* ssl, void* store) {
  const std::shared_ptr<const CertificateSet> set = (*static_cast<const Certificates*>(store))->current();
  const pem::Bio chain = pem::Open(set->texts.chain);
  const pem::Certificate leaf = pem::ReadCertificate(chain.get());
  const pem::Key key = pem::ReadKey(set->texts.key);
  if (leaf == nullptr || key == nullptr || SSL_use_certificate(ssl, leaf.get()) != 1 ||
      SSL_use_PrivateKey(ssl, key.get()) != 1) {
    return 0;
  }
  SSL_clear_chain_certs(ssl);
  while (const pem::Certificate next = pem::ReadCertificate(chain.get())) {
    if (SSL_add1_chain_cert(ssl, next.get()) != 1) return 0;
  }
  ERR_clear_error();  // the end of the text is one
  return 1;
}

// Where a context keeps its store; freed with it.
int StoreIndex() {
  static const int index = SSL_CTX_get_ex_new_index(
      0, nullptr, nullptr, nullptr, [](void*, void* store, CRYPTO_EX_DATA*, int, long, void*) {
        delete static_cast<Certificates*>(store);
      });
  return index;
}

}  // namespace

bool PrepareTlsContext(SSL_CTX* context, Certificates certificates) {
  auto kept = std::make_unique<Certificates>(std::move(certificates));
  if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) return false;
  if (SSL_CTX_set_ex_data(context, StoreIndex(), kept.get()) != 1) return false;
  SSL_CTX_set_cert_cb(context, UseCurrent, kept.release());
  return true;
}

}  // namespace grouter
