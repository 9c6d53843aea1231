// SPDX-License-Identifier: Apache-2.0
#include "azure/certificate.hpp"

#include <gmock/gmock.h>

#include <cstdlib>

#include "azure/credentials.hpp"
#include "base/time_text.hpp"

namespace podid::azure {
namespace {

using ::testing::HasSubstr;

class CertificateTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    key_ = test::make_rsa_key().release();
    leaf_ = test::make_certificate(key_, {}).release();
    other_key_ = test::make_rsa_key().release();
    other_ = test::make_certificate(other_key_, {.name = "issuer"}).release();
  }
  static void TearDownTestSuite() {
    EVP_PKEY_free(key_);
    X509_free(leaf_);
    EVP_PKEY_free(other_key_);
    X509_free(other_);
  }
  static base::Secret password() { return base::Secret("pass word"); }

  static inline EVP_PKEY* key_ = nullptr;
  static inline X509* leaf_ = nullptr;
  static inline EVP_PKEY* other_key_ = nullptr;
  static inline X509* other_ = nullptr;
};

TEST_F(CertificateTest, ReadsStoresOldAndNew) {
  struct Row {
    std::string_view name;
    test::StoreOptions options;
  };
  const auto options = [](int key_algorithm, int certificate_algorithm, bool sha256_mac) {
    test::StoreOptions out;
    out.key_algorithm = key_algorithm;
    out.certificate_algorithm = certificate_algorithm;
    out.sha256_mac = sha256_mac;
    return out;
  };
  test::StoreOptions without_mac;
  without_mac.mac = false;
  for (const Row& row : std::initializer_list<Row>{
           {"AES-256, SHA-256", options(NID_aes_256_cbc, NID_aes_256_cbc, true)},
           {"AES-128, SHA-1", options(NID_aes_128_cbc, NID_aes_128_cbc, false)},
           {"3DES and RC2-40, SHA-1: what older tools write",
            options(NID_pbe_WithSHA1And3_Key_TripleDES_CBC, NID_pbe_WithSHA1And40BitRC2_CBC, false)},
           {"3DES, SHA-1",
            options(NID_pbe_WithSHA1And3_Key_TripleDES_CBC, NID_pbe_WithSHA1And3_Key_TripleDES_CBC, false)},
           {"RC2-128", options(NID_pbe_WithSHA1And128BitRC2_CBC, NID_pbe_WithSHA1And128BitRC2_CBC, false)},
           {"RC4-128", options(NID_pbe_WithSHA1And128BitRC4, NID_pbe_WithSHA1And128BitRC4, false)},
           {"certificates in the clear", options(NID_aes_256_cbc, -1, true)},
           {"nothing encrypted", options(-1, -1, true)},
           {"no MAC", without_mac},
       }) {
    const auto certificate = load_pkcs12(test::make_pkcs12(key_, leaf_, {}, row.options), password());
    ASSERT_TRUE(certificate.has_value()) << row.name << ": " << certificate.error().message;
    EXPECT_EQ(certificate->der(), test::der_of(leaf_)) << row.name;
    EXPECT_EQ(EVP_PKEY_eq(certificate->key(), key_), 1) << row.name;
    EXPECT_TRUE(certificate->chain().empty()) << row.name;
    EXPECT_EQ(ERR_peek_error(), 0u) << row.name;
  }
}

TEST_F(CertificateTest, TakesOfAChainTheLeafThatMatchesTheKey) {
  const auto certificate = load_pkcs12(test::make_pkcs12(key_, leaf_, {other_}, {}), password());
  ASSERT_TRUE(certificate.has_value()) << certificate.error().message;
  EXPECT_EQ(certificate->der(), test::der_of(leaf_));
  ASSERT_EQ(certificate->chain().size(), 1u);
  EXPECT_EQ(certificate->chain()[0], test::der_of(other_));
}

TEST_F(CertificateTest, AnEmptyPasswordIsAPassword) {
  test::StoreOptions options;
  options.password = "";
  const std::string store = test::make_pkcs12(key_, leaf_, {}, options);
  EXPECT_TRUE(load_pkcs12(store, base::Secret()).has_value());
  EXPECT_FALSE(load_pkcs12(store, base::Secret("x")).has_value());
}

TEST_F(CertificateTest, ProblemsAreSaid) {
  const std::string store = test::make_pkcs12(key_, leaf_, {}, {});
  test::StoreOptions without_mac;
  without_mac.mac = false;
  test::StoreOptions retired;
  retired.key_algorithm = retired.certificate_algorithm = NID_pbe_WithSHA1And40BitRC2_CBC;

  const KeyPtr ec_key = test::make_ec_key();
  const X509Ptr ec_certificate = test::make_certificate(ec_key.get(), {});
  struct Row {
    std::string bytes;
    std::string password;
    std::string_view problem;
  };
  for (const Row& row : std::initializer_list<Row>{
           {store, "wrong", "wrong password"},
           {store, "", "wrong password"},
           {store, std::string("pass word\0x", 11), "zero byte"},
           {test::make_pkcs12(key_, leaf_, {}, without_mac), "wrong", "wrong password"},
           {test::make_pkcs12(key_, leaf_, {}, retired), "wrong", "wrong password"},
           {test::make_pkcs12(nullptr, nullptr, {leaf_}, {}), "pass word", "no private key"},
           {test::make_pkcs12(key_, nullptr, {}, {}), "pass word", "no certificate"},
           {test::make_pkcs12(key_, nullptr, {other_}, {}), "pass word", "none of its certificates"},
           {test::make_pkcs12(ec_key.get(), ec_certificate.get(), {}, {}), "pass word", "of type EC; only RSA"},
           {store.substr(0, store.size() / 2), "pass word", "not a PKCS#12 store"},
           {"", "", "not a PKCS#12 store"},
           {"hello", "", "not a PKCS#12 store"},
           {std::string(kMaxCertificateBytes + 1, 'x'), "", "larger than 1 MiB"},
       }) {
    const auto certificate = load_pkcs12(row.bytes, base::Secret(row.password));
    ASSERT_FALSE(certificate.has_value()) << row.problem;
    EXPECT_EQ(certificate.error().kind, base::ErrorKind::invalid) << row.problem;
    EXPECT_THAT(certificate.error().message, HasSubstr(std::string(row.problem)));
    EXPECT_THAT(certificate.error().message, HasSubstr("PKCS#12 certificate: "));
    EXPECT_EQ(ERR_peek_error(), 0u) << row.problem;
  }
}

TEST_F(CertificateTest, AStoreCannotHoldUpTheProgram) {
  test::StoreOptions options;
  options.rounds = 700'000;  // for the key, for the certificates and for the MAC
  const auto certificate = load_pkcs12(test::make_pkcs12(key_, leaf_, {}, options), password());
  ASSERT_FALSE(certificate.has_value());
  EXPECT_THAT(certificate.error().message, HasSubstr("more than 2000000 rounds of key derivation"));
}

// In a process of its own: where OpenSSL looks for providers is a matter of the environment.
TEST_F(CertificateTest, WithoutTheLegacyProviderTheErrorSaysWhatToDo) {
  test::StoreOptions options;
  options.key_algorithm = options.certificate_algorithm = NID_pbe_WithSHA1And40BitRC2_CBC;
  const std::string store = test::make_pkcs12(key_, leaf_, {}, options);
  const auto load_without_provider = [&store] {
    ::setenv("OPENSSL_MODULES", "/does/not/exist", 1);
    const auto certificate = load_pkcs12(store, password());
    const bool as_expected = !certificate && certificate.error().kind == base::ErrorKind::unsupported &&
                             certificate.error().message.contains("(legacy.so)");
    std::_Exit(as_expected ? 0 : 1);
  };
  EXPECT_EXIT(load_without_provider(), ::testing::ExitedWithCode(0), "");
}

TEST_F(CertificateTest, ReadsPemInAnyOrder) {
  for (const std::string& text : {test::pem_of(key_) + test::pem_of(leaf_) + test::pem_of(other_),
                                  test::pem_of(other_) + test::pem_of(leaf_) + test::pem_of(key_)}) {
    const auto certificate = load_certificate(text, base::Secret());
    ASSERT_TRUE(certificate.has_value()) << certificate.error().message;
    EXPECT_EQ(certificate->der(), test::der_of(leaf_));
    EXPECT_EQ(certificate->chain().size(), 1u);
  }
  struct Row {
    std::string text;
    std::string_view problem;
  };
  for (const Row& row : std::initializer_list<Row>{
           {test::pem_of(leaf_), "no private key"},
           {test::pem_of(key_), "no certificate"},
           {test::pem_of(key_) + test::pem_of(other_), "none of its certificates"},
           {"-----BEGIN ENCRYPTED PRIVATE KEY-----\n", "use a PKCS#12 store"},
           {"-----BEGIN CERTIFICATE-----\nrubbish", "no private key"},
       }) {
    const auto certificate = load_certificate(row.text, base::Secret());
    ASSERT_FALSE(certificate.has_value()) << row.problem;
    EXPECT_THAT(certificate.error().message, HasSubstr(std::string(row.problem)));
  }
}

TEST_F(CertificateTest, ChecksItsValidity) {
  const auto now = base::from_unix_seconds(1'800'000'000);
  const X509Ptr expired = test::make_certificate(key_, {.valid_to = 1'600'000'000});
  const X509Ptr future = test::make_certificate(key_, {.valid_from = 3'000'000'000});
  const auto load = [](X509* certificate) { return load_pem(test::pem_of(key_) + test::pem_of(certificate)); };
  EXPECT_TRUE(check_validity(*load(leaf_), now).has_value());
  EXPECT_THAT(check_validity(*load(expired.get()), now).error().message, HasSubstr("expired at 2"));
  EXPECT_THAT(check_validity(*load(future.get()), now).error().message, HasSubstr("not valid before 2"));
}

TEST_F(CertificateTest, AnEndInTheYear9999IsFarAway) {
  const X509Ptr eternal = test::make_certificate(key_, {});
  ASSERT_EQ(ASN1_TIME_set_string(X509_getm_notAfter(eternal.get()), "99991231235959Z"), 1);
  ASSERT_GT(X509_sign(eternal.get(), key_, EVP_sha256()), 0);
  const auto certificate = load_pem(test::pem_of(key_) + test::pem_of(eternal.get()));
  ASSERT_TRUE(certificate.has_value());
  EXPECT_TRUE(check_validity(*certificate, base::from_unix_seconds(1'800'000'000)).has_value());
}

}  // namespace
}  // namespace podid::azure
