// SPDX-License-Identifier: Apache-2.0
// Keys, certificates and PKCS#12 stores made for one test run.
#pragma once
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "azure/openssl_ptr.hpp"

namespace podid::test {

azure::KeyPtr make_rsa_key();
azure::KeyPtr make_ec_key();

struct CertificateOptions {
  std::string name = "podid-test";
  std::time_t valid_from = 1'577'836'800;  // 2020
  std::time_t valid_to = 4'070'908'800;    // 2099
};
azure::X509Ptr make_certificate(EVP_PKEY* key, const CertificateOptions& options);

std::string pem_of(const EVP_PKEY* key);
std::string pem_of(X509* certificate);
std::string der_of(X509* certificate);

struct StoreOptions {
  std::string password = "pass word";
  int key_algorithm = NID_aes_256_cbc;          // PBES2
  int certificate_algorithm = NID_aes_256_cbc;  // -1: not encrypted
  bool sha256_mac = true;
  bool mac = true;
  int rounds = 2048;
};
// RC2 and the like come from OpenSSL's legacy provider, loaded for this call only.
std::string make_pkcs12(EVP_PKEY* key, X509* leaf, const std::vector<X509*>& chain, const StoreOptions& options);

}  // namespace podid::test
