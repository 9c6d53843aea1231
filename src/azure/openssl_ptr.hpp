// SPDX-License-Identifier: Apache-2.0
// Owners for OpenSSL's objects, and what the two loaders of certificates share.
#pragma once
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <openssl/x509.h>

#include <memory>
#include <string_view>
#include <vector>

#include "azure/certificate.hpp"

namespace podid::azure {

template <auto kFree>
struct OpensslFree {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};
template <class T, auto kFree>
using OpensslPtr = std::unique_ptr<T, OpensslFree<kFree>>;

using BioPtr = OpensslPtr<BIO, BIO_free_all>;
using KeyPtr = OpensslPtr<EVP_PKEY, EVP_PKEY_free>;
using X509Ptr = OpensslPtr<X509, X509_free>;

// OpenSSL's errors stay in a queue of the thread, where a later TLS operation would take them for its own.
struct ErrorQueueGuard {
  ErrorQueueGuard() = default;
  ErrorQueueGuard(const ErrorQueueGuard&) = delete;
  ErrorQueueGuard& operator=(const ErrorQueueGuard&) = delete;
  ~ErrorQueueGuard() { ERR_clear_error(); }
};

BioPtr memory_bio(std::string_view bytes);

// The certificate among `certificates` that belongs to `key`, with the others as chain. `key` may be null
// ("no private key"). The result's key lives in OpenSSL's default library context.
base::Result<Certificate> assemble_certificate(KeyPtr key, std::vector<X509Ptr> certificates);

}  // namespace podid::azure
