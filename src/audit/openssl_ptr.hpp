// SPDX-License-Identifier: Apache-2.0
// Owners for OpenSSL's objects.
#pragma once
#include <openssl/evp.h>

#include <memory>

namespace podid::audit {

template <auto kFree>
struct OpensslFree {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, OpensslFree<EVP_PKEY_free>>;
using DigestPtr = std::unique_ptr<EVP_MD_CTX, OpensslFree<EVP_MD_CTX_free>>;

}  // namespace podid::audit
