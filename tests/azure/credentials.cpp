// SPDX-License-Identifier: Apache-2.0
#include "azure/credentials.hpp"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

namespace podid::test {
namespace {

std::string content_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

void set_name(X509_NAME* target, const std::string& name) {
  X509_NAME_add_entry_by_txt(target, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(name.data()),
                             static_cast<int>(name.size()), -1, 0);
}

}  // namespace

azure::KeyPtr make_rsa_key() { return azure::KeyPtr(EVP_RSA_gen(2048)); }
azure::KeyPtr make_ec_key() { return azure::KeyPtr(EVP_EC_gen("P-256")); }

azure::X509Ptr make_certificate(EVP_PKEY* key, const CertificateOptions& options) {
  azure::X509Ptr certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 7);
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()), options.valid_from);
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()), options.valid_to);
  set_name(X509_get_subject_name(certificate.get()), options.name);
  set_name(X509_get_issuer_name(certificate.get()), options.name);
  X509_set_pubkey(certificate.get(), key);
  EXPECT_GT(X509_sign(certificate.get(), key, EVP_sha256()), 0);
  return certificate;
}

std::string pem_of(const EVP_PKEY* key) {
  const azure::BioPtr bio(BIO_new(BIO_s_mem()));
  EXPECT_EQ(PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr), 1);
  return content_of(bio.get());
}

std::string pem_of(X509* certificate) {
  const azure::BioPtr bio(BIO_new(BIO_s_mem()));
  EXPECT_EQ(PEM_write_bio_X509(bio.get(), certificate), 1);
  return content_of(bio.get());
}

std::string der_of(X509* certificate) {
  const azure::BioPtr bio(BIO_new(BIO_s_mem()));
  EXPECT_EQ(i2d_X509_bio(bio.get(), certificate), 1);
  return content_of(bio.get());
}

std::string make_pkcs12(EVP_PKEY* key, X509* leaf, const std::vector<X509*>& chain, const StoreOptions& options) {
  OSSL_LIB_CTX* library = OSSL_LIB_CTX_new();
  OSSL_PROVIDER* standard = OSSL_PROVIDER_load(library, "default");
  OSSL_PROVIDER* legacy = OSSL_PROVIDER_load(library, "legacy");
  EXPECT_NE(standard, nullptr);
  EXPECT_NE(legacy, nullptr) << "the tests need OpenSSL's legacy.so";

  STACK_OF(X509)* others = sk_X509_new_null();
  for (X509* certificate : chain) sk_X509_push(others, certificate);
  PKCS12* store = PKCS12_create_ex(options.password.c_str(), "test", key, leaf, others, options.key_algorithm,
                                   options.certificate_algorithm, options.rounds, -1, 0, library, nullptr);
  EXPECT_NE(store, nullptr);
  if (options.mac) {
    EXPECT_EQ(PKCS12_set_mac(store, options.password.c_str(), -1, nullptr, 0, options.rounds,
                             options.sha256_mac ? EVP_sha256() : EVP_sha1()),
              1);
  }
  const azure::BioPtr bio(BIO_new(BIO_s_mem()));
  EXPECT_EQ(i2d_PKCS12_bio(bio.get(), store), 1);
  std::string bytes = content_of(bio.get());
  PKCS12_free(store);
  sk_X509_free(others);
  OSSL_PROVIDER_unload(legacy);
  OSSL_PROVIDER_unload(standard);
  OSSL_LIB_CTX_free(library);
  return bytes;
}

}  // namespace podid::test
