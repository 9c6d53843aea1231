// SPDX-License-Identifier: Apache-2.0
// A client certificate with its private key, from a PKCS#12 store or PEM text.
#pragma once
#include <openssl/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/secret.hpp"

namespace podid::azure {

// The certificate that belongs to the key (of a chain: the leaf), and an RSA key. Copies share the key.
// Immutable, so usable from any thread.
class Certificate {
 public:
  struct Parts {
    std::shared_ptr<EVP_PKEY> key;
    std::string der;                 // of the leaf
    std::vector<std::string> chain;  // DER of the other certificates of the store, in its order
    base::WallTime not_before;
    base::WallTime not_after;
  };
  explicit Certificate(Parts parts) : parts_(std::move(parts)) {}

  EVP_PKEY* key() const { return parts_.key.get(); }
  const std::string& der() const { return parts_.der; }
  const std::vector<std::string>& chain() const { return parts_.chain; }
  base::WallTime not_before() const { return parts_.not_before; }
  base::WallTime not_after() const { return parts_.not_after; }

 private:
  Parts parts_;
};

inline constexpr std::size_t kMaxCertificateBytes = 1 << 20;
// A store may ask for any number of key derivation rounds; more than this in all would only hold up the
// caller.
inline constexpr long kMaxKeyDerivationRounds = 2'000'000;

// Signing with a larger key would take seconds.
inline constexpr int kMaxRsaBits = 8192;

// A PKCS#12 store, protected in the old ways (RC2, 3DES, SHA-1: OpenSSL's legacy provider is loaded into a
// library context of its own when needed) or the new ones (PBES2 with AES, SHA-256 MAC). Errors (`invalid`,
// saying which): not a store, wrong password, no key, no certificate for the key, a key that is not RSA, more
// than kMaxCertificateBytes; `unsupported` when the store needs the legacy provider and legacy.so is missing.
base::Result<Certificate> load_pkcs12(std::string_view bytes, const base::Secret& password);

// Brings legacy.so into memory, for a process that is about to lose the right to map code. False: there is none.
bool preload_legacy_provider();

// PEM: one unencrypted private key and its certificate, further ones as chain, in any order. Errors as above.
base::Result<Certificate> load_pem(std::string_view text);

// PEM when `bytes` contain a PEM header, else PKCS#12.
base::Result<Certificate> load_certificate(std::string_view bytes, const base::Secret& password);

// `invalid` with the date when the certificate has expired or is not yet valid at `now`.
base::Result<> check_validity(const Certificate& certificate, base::WallTime now);

}  // namespace podid::azure
