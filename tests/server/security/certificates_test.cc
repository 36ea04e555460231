#include "server/security/certificates.h"

#include <ctime>

#include "gtest/gtest.h"
#include "tests/testing/serving/certificate_files.h"

namespace grouter {
namespace {

using testing::ValidFor;

class CertificatesTest : public ::testing::Test {
 protected:
  CertificateTexts Texts(const KeyPair& pair) const { return {pair.certificate, pair.key, ca_.certificate}; }
  KeyPair Server(const Validity& validity) const {
    return *MakeCertificate(ca_, Role::kServer, {"head"}, validity);
  }
  // The message when refused, else "".
  std::string Problem(const CertificateTexts& texts) const {
    const auto facts = ValidateCertificates(texts, std::time(nullptr));
    if (facts.ok()) return "";
    EXPECT_EQ(facts.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(std::string(facts.status().message()).find("BEGIN"), std::string::npos);
    return std::string(facts.status().message());
  }
  const KeyPair ca_ = *MakeAuthority("ca", ValidFor(10));
};

TEST_F(CertificatesTest, APairThatHoldsTogetherIsTakenWithItsExpiry) {
  const KeyPair pair = Server(ValidFor(2));
  CertificateTexts texts = Texts(pair);
  const auto facts = ValidateCertificates(texts, std::time(nullptr));
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_NEAR(facts->not_after_s, std::time(nullptr) + 2 * 86400, 60);
  EXPECT_NE(facts->subject.find("head"), std::string::npos);
  texts.chain += ca_.certificate;  // the whole chain
  EXPECT_EQ(Problem(texts), "");
  texts.client_ca.clear();
  EXPECT_EQ(Problem(texts), "");
}

TEST_F(CertificatesTest, AKeyOfAnotherPairIsRefused) {
  CertificateTexts texts = Texts(Server(ValidFor()));
  texts.key = Server(ValidFor()).key;
  EXPECT_NE(Problem(texts).find("tls.key"), std::string::npos);
}

TEST_F(CertificatesTest, ExpiredAndNotYetValidAreRefused) {
  EXPECT_NE(Problem(Texts(Server(ValidFor(-1)))).find("expired"), std::string::npos);
  const int64_t now = std::time(nullptr);
  EXPECT_NE(Problem(Texts(Server({now + 3600, now + 7200}))).find("not valid yet"), std::string::npos);
  CertificateTexts texts = Texts(Server(ValidFor()));
  texts.client_ca = MakeAuthority("old", ValidFor(-1))->certificate;
  EXPECT_NE(Problem(texts).find("tls.client_ca"), std::string::npos);
}

TEST_F(CertificatesTest, AClientsCertificateDoesNotServe) {
  const KeyPair client = *MakeCertificate(ca_, Role::kClient, {"worker"}, ValidFor());
  EXPECT_NE(Problem(Texts(client)).find("not one for servers"), std::string::npos);
}

TEST_F(CertificatesTest, AChainOfStrangersIsRefused) {
  CertificateTexts texts = Texts(Server(ValidFor()));
  texts.chain += MakeAuthority("another", ValidFor())->certificate;
  EXPECT_NE(Problem(texts).find("not issued by"), std::string::npos);
}

TEST_F(CertificatesTest, WhatIsNoPemIsRefused) {
  const CertificateTexts whole = Texts(Server(ValidFor()));
  for (std::string CertificateTexts::*part : {&CertificateTexts::chain, &CertificateTexts::key}) {
    CertificateTexts texts = whole;
    texts.*part = "";
    EXPECT_NE(Problem(texts), "");
    texts.*part = "nonsense";
    EXPECT_NE(Problem(texts), "");
    texts.*part = (whole.*part).substr(0, (whole.*part).size() / 2);
    EXPECT_NE(Problem(texts), "");
  }
  CertificateTexts texts = whole;
  texts.chain += whole.chain.substr(0, whole.chain.size() / 2);
  EXPECT_NE(Problem(texts).find("damaged"), std::string::npos);
  texts = whole;
  texts.client_ca = "nonsense";
  EXPECT_NE(Problem(texts), "");
}

}  // namespace
}  // namespace grouter
