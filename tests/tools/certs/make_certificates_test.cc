#include "tools/certs/make_certificates.h"

#include <ctime>

#include "gtest/gtest.h"
#include "server/security/certificates.h"

namespace grouter {
namespace {

Validity Day() { return {std::time(nullptr) - 60, std::time(nullptr) + 86400}; }

TEST(MakeCertificatesTest, AServerPairIsOneThatTheServerTakes) {
  const KeyPair ca = *MakeAuthority("private CA", Day());
  const auto pair =
      MakeCertificate(ca, Role::kServer, {"head", "10.0.0.1", "fd00::1", "spiffe://c/head"}, Day());
  ASSERT_TRUE(pair.ok()) << pair.status();
  EXPECT_TRUE(ValidateCertificates({pair->certificate + ca.certificate, pair->key, ca.certificate},
                                   std::time(nullptr))
                  .ok());
  EXPECT_NE(MakeCertificate(ca, Role::kServer, {"head"}, Day())->certificate, pair->certificate);
}

TEST(MakeCertificatesTest, ANameThatCouldSmuggleAnotherIsRefused) {
  const KeyPair ca = *MakeAuthority("private CA", Day());
  for (const std::string& name : {std::string(), std::string("a,DNS:b"), std::string("a\nb"),
                                  std::string("a b"), std::string("a\0b", 3), std::string(300, 'a')}) {
    EXPECT_EQ(MakeCertificate(ca, Role::kClient, {name}, Day()).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  EXPECT_FALSE(MakeCertificate(ca, Role::kClient, {}, Day()).ok());
}

TEST(MakeCertificatesTest, ADamagedAuthorityIsRefused) {
  const KeyPair ca = *MakeAuthority("private CA", Day());
  const KeyPair other = *MakeAuthority("private CA", Day());
  EXPECT_FALSE(MakeCertificate({ca.certificate, other.key}, Role::kClient, {"a"}, Day()).ok());
  EXPECT_FALSE(MakeCertificate({"", ""}, Role::kClient, {"a"}, Day()).ok());
}

TEST(MakeCertificatesTest, TokensAreLongAndNotTheSame) {
  const std::string token = *MakeToken();
  EXPECT_GE(token.size(), 43u);
  EXPECT_EQ(token.find_first_of(" \n+/"), std::string::npos);
  EXPECT_NE(*MakeToken(), token);
}

}  // namespace
}  // namespace grouter
