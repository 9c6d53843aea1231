// SPDX-License-Identifier: Apache-2.0
#include "lab/azure/tokens/lab_ca.hpp"

#include <gtest/gtest.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>

#include "base/clock.hpp"
#include "lab/azure/tokens/openssl_handles.hpp"

namespace podid::lab::azure {
namespace {

TEST(LabCa, LeavesAreForTheirNamesAndSignedByTheAuthority) {
  const auto now = base::RealClock().wall_now();
  const auto ca = LabCa::create("a lab", now);
  ASSERT_TRUE(ca.has_value());
  const auto leaf = ca->issue({"*.vault.azure.net", "management.azure.com", "127.0.0.1", "::1"}, now);
  ASSERT_TRUE(leaf.has_value()) << leaf.error().message;
  const CertificatePtr certificate = parse_certificate_pem(leaf->certificate_pem);
  const CertificatePtr authority = parse_certificate_pem(ca->certificate_pem());
  ASSERT_NE(certificate, nullptr);
  EXPECT_EQ(X509_verify(certificate.get(), X509_get0_pubkey(authority.get())), 1);
  EXPECT_EQ(X509_check_host(certificate.get(), "store.vault.azure.net", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(certificate.get(), "management.azure.com", 0, 0, nullptr), 1);
  EXPECT_NE(X509_check_host(certificate.get(), "login.microsoftonline.com", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_ip_asc(certificate.get(), "127.0.0.1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(certificate.get(), "::1", 0), 1);
  EXPECT_FALSE(ca->issue({}, now).has_value());
}

TEST(Pkcs12, IsReadByOpensslWithItsPasswordOnly) {
  using Pkcs12Ptr = std::unique_ptr<PKCS12, OpensslDelete<PKCS12_free>>;
  const auto now = base::RealClock().wall_now();
  const auto pair = make_sign_in_certificate("app", now, now + std::chrono::hours(1));
  ASSERT_TRUE(pair.has_value());
  for (const Pkcs12Flavour flavour : {Pkcs12Flavour::modern, Pkcs12Flavour::legacy}) {
    const auto file = to_pkcs12(*pair, "password", flavour);
    ASSERT_TRUE(file.has_value()) << file.error().message;
    const auto* bytes = reinterpret_cast<const unsigned char*>(file->data());
    const Pkcs12Ptr parsed(d2i_PKCS12(nullptr, &bytes, static_cast<long>(file->size())));
    ASSERT_NE(parsed, nullptr);
    EXPECT_EQ(PKCS12_verify_mac(parsed.get(), "password", -1), 1);
    EXPECT_EQ(PKCS12_verify_mac(parsed.get(), "wrong", -1), 0);
    // The old algorithms are not for those who did not ask for them.
    EVP_PKEY* key = nullptr;
    X509* certificate = nullptr;
    const bool readable = PKCS12_parse(parsed.get(), "password", &key, &certificate, nullptr) == 1;
    EXPECT_EQ(readable, flavour == Pkcs12Flavour::modern);
    EVP_PKEY_free(key);
    X509_free(certificate);
  }
}

}  // namespace
}  // namespace podid::lab::azure
