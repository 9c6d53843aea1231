// SPDX-License-Identifier: Apache-2.0
// Owners of OpenSSL objects, for this folder's source files.
#pragma once
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace podid::lab::azure {

template <auto kFree>
struct OpensslDelete {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, OpensslDelete<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, OpensslDelete<X509_free>>;
using BioPtr = std::unique_ptr<BIO, OpensslDelete<BIO_free_all>>;
using DigestPtr = std::unique_ptr<EVP_MD_CTX, OpensslDelete<EVP_MD_CTX_free>>;

// Null when the text is not one.
CertificatePtr parse_certificate_pem(const std::string& pem);
KeyPtr parse_key_pem(std::string_view pem);
std::string sha1(std::string_view bytes);
std::string sha256(std::string_view bytes);
// The DER form; empty when OpenSSL cannot make it.
std::string certificate_der(X509& certificate);

}  // namespace podid::lab::azure
