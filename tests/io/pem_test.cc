#include "io/pem.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "gtest/gtest.h"

namespace grouter::pem {
namespace {

Certificate SelfSigned(EVP_PKEY* key, const char* name) {
  Certificate certificate(X509_new());
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 60);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  X509_set_pubkey(certificate.get(), key);
  EXPECT_NE(X509_sign(certificate.get(), key, EVP_sha256()), 0);
  return certificate;
}

TEST(PemTest, AKeyComesBackFromItsText) {
  const Key key(EVP_EC_gen("P-256"));
  const Key back = ReadKey(Text(key.get()));
  ASSERT_NE(back, nullptr);
  EXPECT_EQ(EVP_PKEY_eq(key.get(), back.get()), 1);
}

TEST(PemTest, AChainIsReadInOrderUntilItsTextEnds) {
  const Key key(EVP_EC_gen("P-256"));
  const Certificate first = SelfSigned(key.get(), "first"), second = SelfSigned(key.get(), "second");
  const std::string text = Text(first.get()) + Text(second.get());
  const Bio bio = Open(text);
  for (const Certificate* expected : {&first, &second}) {
    const Certificate read = ReadCertificate(bio.get());
    ASSERT_NE(read, nullptr);
    EXPECT_EQ(X509_cmp(read.get(), expected->get()), 0);
  }
  EXPECT_EQ(ReadCertificate(bio.get()), nullptr);
  EXPECT_EQ(ERR_GET_REASON(ERR_peek_last_error()), PEM_R_NO_START_LINE);
  ERR_clear_error();
}

TEST(PemTest, AKeyWithAPasswordIsRefusedAndNobodyIsAsked) {
  const Key key(EVP_EC_gen("P-256"));
  const Bio bio(BIO_new(BIO_s_mem()));
  char password[] = "secret";
  ASSERT_EQ(
      PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), EVP_aes_256_cbc(), password, 6, nullptr, nullptr),
      1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  EXPECT_EQ(ReadKey(std::string(data, size)), nullptr);
  ERR_clear_error();
}

TEST(PemTest, DamagedTextGivesNothing) {
  const Key key(EVP_EC_gen("P-256"));
  const std::string key_text = Text(key.get()), text = Text(SelfSigned(key.get(), "a").get());
  EXPECT_EQ(ReadKey(key_text.substr(0, key_text.size() / 2)), nullptr);
  const std::string half = text.substr(0, text.size() / 2);
  const Bio bio = Open(half);
  EXPECT_EQ(ReadCertificate(bio.get()), nullptr);
  EXPECT_EQ(ReadKey(""), nullptr);
  ERR_clear_error();
}

}  // namespace
}  // namespace grouter::pem
