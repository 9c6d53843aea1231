// SPDX-License-Identifier: Apache-2.0
// load_pkcs12: a walk over the store's bags. OpenSSL's PKCS12_parse would do, but bounds neither the rounds
// of key derivation that a store may demand nor says what is wrong with it.
#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

#include "azure/certificate.hpp"
#include "azure/openssl_ptr.hpp"

namespace podid::azure {
namespace {

using base::ErrorKind;
using base::fail;

void free_bags(STACK_OF(PKCS12_SAFEBAG) * bags) { sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free); }
void free_safes(STACK_OF(PKCS7) * safes) { sk_PKCS7_pop_free(safes, PKCS7_free); }

using StorePtr = OpensslPtr<PKCS12, PKCS12_free>;
using BagsPtr = OpensslPtr<STACK_OF(PKCS12_SAFEBAG), free_bags>;
using SafesPtr = OpensslPtr<STACK_OF(PKCS7), free_safes>;
using Pkcs8Ptr = OpensslPtr<PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free>;
using LibraryPtr = OpensslPtr<OSSL_LIB_CTX, OSSL_LIB_CTX_free>;
using ProviderPtr = OpensslPtr<OSSL_PROVIDER, OSSL_PROVIDER_unload>;

constexpr int kMaxNestedBags = 4;

// Encryption that only OpenSSL's legacy provider still implements.
bool is_retired(int nid) {
  constexpr std::array kRetired = {NID_pbe_WithSHA1And40BitRC2_CBC, NID_pbe_WithSHA1And128BitRC2_CBC,
                                   NID_pbe_WithSHA1And128BitRC4,    NID_pbe_WithSHA1And40BitRC4,
                                   NID_pbeWithMD5AndDES_CBC,        NID_pbeWithMD5AndRC2_CBC,
                                   NID_pbeWithSHA1AndDES_CBC,       NID_pbeWithSHA1AndRC2_CBC};
  return std::ranges::find(kRetired, nid) != kRetired.end();
}

template <class T>
T* unpack(const ASN1_ITEM* form, const X509_ALGOR& algorithm) {
  return static_cast<T*>(ASN1_TYPE_unpack_sequence(form, algorithm.parameter));
}

// The rounds of key derivation that an encryption asks for. Nothing for a derivation whose cost we cannot tell (scrypt).
std::optional<long> rounds_of(const X509_ALGOR& algorithm) {
  if (OBJ_obj2nid(algorithm.algorithm) != NID_pbes2) {
    const OpensslPtr<PBEPARAM, PBEPARAM_free> pbe(unpack<PBEPARAM>(ASN1_ITEM_rptr(PBEPARAM), algorithm));
    if (pbe == nullptr || pbe->iter == nullptr) return std::nullopt;
    return ASN1_INTEGER_get(pbe->iter);
  }
  const OpensslPtr<PBE2PARAM, PBE2PARAM_free> pbe2(unpack<PBE2PARAM>(ASN1_ITEM_rptr(PBE2PARAM), algorithm));
  if (pbe2 == nullptr || OBJ_obj2nid(pbe2->keyfunc->algorithm) != NID_id_pbkdf2) return std::nullopt;
  const OpensslPtr<PBKDF2PARAM, PBKDF2PARAM_free> pbkdf2(
      unpack<PBKDF2PARAM>(ASN1_ITEM_rptr(PBKDF2PARAM), *pbe2->keyfunc));
  if (pbkdf2 == nullptr) return std::nullopt;
  return ASN1_INTEGER_get(pbkdf2->iter);
}

// Walks one store with one library context and collects its key and certificates.
class StoreReader {
 public:
  StoreReader(OSSL_LIB_CTX* library, const base::Secret& password, bool retired_allowed)
      : library_(library), password_(password), retired_allowed_(retired_allowed) {}

  // `unsupported`: the store uses retired algorithms, and they are not allowed.
  base::Result<> read(std::string_view bytes) {
    // Decoded into an object that knows the library context; on failure it is freed and the pointer null.
    PKCS12* decoded = PKCS12_init_ex(NID_pkcs7_data, library_, nullptr);
    const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
    d2i_PKCS12(&decoded, &at, static_cast<long>(bytes.size()));
    const StorePtr store(decoded);
    if (store == nullptr) return fail(ErrorKind::invalid, "not a PKCS#12 store");
    if (auto ok = check_mac(store.get()); !ok) return ok;
    const SafesPtr safes(PKCS12_unpack_authsafes(store.get()));
    if (safes == nullptr) return fail(ErrorKind::invalid, "its content cannot be read");
    for (int i = 0; i < sk_PKCS7_num(safes.get()); ++i) {
      if (auto ok = read_safe(sk_PKCS7_value(safes.get(), i)); !ok) return ok;
    }
    return {};
  }

  KeyPtr take_key() { return std::move(key_); }
  std::vector<X509Ptr> take_certificates() { return std::move(certificates_); }

 private:
  // Adds to the store's bill, before the work is done.
  base::Result<> spend(long rounds) {
    // OpenSSL gives -1 for a number that does not fit, and takes less than one round for one.
    if (rounds < 0) rounds = kMaxKeyDerivationRounds + 1;
    rounds_left_ -= std::clamp(rounds, 1L, kMaxKeyDerivationRounds + 1);
    if (rounds_left_ >= 0) return {};
    return fail(ErrorKind::invalid,
                fmt::format("it asks for more than {} rounds of key derivation", kMaxKeyDerivationRounds));
  }

  base::Result<> check_mac(PKCS12* store) {
    if (PKCS12_mac_present(store) != 1) return {};
    const ASN1_INTEGER* rounds = nullptr;
    PKCS12_get0_mac(nullptr, nullptr, nullptr, &rounds, store);
    if (auto ok = spend(rounds == nullptr ? 1 : ASN1_INTEGER_get(rounds)); !ok) return ok;
    if (PKCS12_verify_mac(store, text(), size()) == 1) return {};
    // Two encodings of "no password" are in use.
    if (password_.empty() && PKCS12_verify_mac(store, "", 0) == 1) {
      empty_text_ = "";
      return {};
    }
    return fail(ErrorKind::invalid, "wrong password (or the store is damaged)");
  }

  base::Result<> check_algorithm(const X509_ALGOR* algorithm) {
    if (algorithm == nullptr) return fail(ErrorKind::invalid, "it names no encryption algorithm");
    if (!retired_allowed_ && is_retired(OBJ_obj2nid(algorithm->algorithm))) {
      return fail(ErrorKind::unsupported, "it is encrypted with a retired algorithm");
    }
    const auto rounds = rounds_of(*algorithm);
    if (!rounds) return fail(ErrorKind::invalid, "it is encrypted in a way that is not supported");
    return spend(*rounds);
  }

  base::Result<> read_safe(PKCS7* safe) {
    BagsPtr bags;
    switch (OBJ_obj2nid(safe->type)) {
      case NID_pkcs7_data:
        bags.reset(PKCS12_unpack_p7data(safe));
        break;
      case NID_pkcs7_encrypted: {
        const PKCS7_ENCRYPT* encrypted = safe->d.encrypted;
        if (encrypted == nullptr || encrypted->enc_data == nullptr) break;
        if (auto ok = check_algorithm(encrypted->enc_data->algorithm); !ok) return ok;
        bags.reset(PKCS12_unpack_p7encdata(safe, text(), size()));
        break;
      }
      default:
        return {};  // protected by a public key: nothing that we could open
    }
    if (bags == nullptr) return fail(ErrorKind::invalid, "it cannot be decrypted: wrong password, or damaged");
    return read_bags(bags.get(), 1);
  }

  base::Result<> read_bags(const STACK_OF(PKCS12_SAFEBAG) * bags, int depth) {
    if (depth > kMaxNestedBags) return fail(ErrorKind::invalid, "its bags are nested too deeply");
    for (int i = 0; i < sk_PKCS12_SAFEBAG_num(bags); ++i) {
      if (auto ok = read_bag(sk_PKCS12_SAFEBAG_value(bags, i), depth); !ok) return ok;
    }
    return {};
  }

  base::Result<> read_bag(const PKCS12_SAFEBAG* bag, int depth) {
    switch (PKCS12_SAFEBAG_get_nid(bag)) {
      case NID_keyBag:
        return take_key_info(PKCS12_SAFEBAG_get0_p8inf(bag));
      case NID_pkcs8ShroudedKeyBag: {
        const X509_ALGOR* algorithm = nullptr;
        X509_SIG_get0(PKCS12_SAFEBAG_get0_pkcs8(bag), &algorithm, nullptr);
        if (auto ok = check_algorithm(algorithm); !ok) return ok;
        const Pkcs8Ptr info(PKCS12_decrypt_skey_ex(bag, text(), size(), library_, nullptr));
        if (info == nullptr) {
          return fail(ErrorKind::invalid, "its private key cannot be decrypted: wrong password, or damaged");
        }
        return take_key_info(info.get());
      }
      case NID_certBag: {
        if (PKCS12_SAFEBAG_get_bag_nid(bag) != NID_x509Certificate) return {};
        X509Ptr certificate(PKCS12_SAFEBAG_get1_cert(bag));
        if (certificate == nullptr) return fail(ErrorKind::invalid, "a certificate in it cannot be read");
        certificates_.push_back(std::move(certificate));
        return {};
      }
      case NID_safeContentsBag:
        return read_bags(PKCS12_SAFEBAG_get0_safes(bag), depth + 1);
      default:
        return {};  // revocation lists and secrets are not ours
    }
  }

  // The first key is the one.
  base::Result<> take_key_info(const PKCS8_PRIV_KEY_INFO* info) {
    if (key_ != nullptr) return {};
    key_.reset(EVP_PKCS82PKEY_ex(info, library_, nullptr));
    if (key_ == nullptr) return fail(ErrorKind::invalid, "its private key cannot be read");
    return {};
  }

  const char* text() const { return password_.empty() ? empty_text_ : password_.reveal().data(); }
  int size() const { return static_cast<int>(password_.reveal().size()); }

  OSSL_LIB_CTX* library_;
  const base::Secret& password_;
  bool retired_allowed_;
  const char* empty_text_ = nullptr;
  long rounds_left_ = kMaxKeyDerivationRounds;
  KeyPtr key_;
  std::vector<X509Ptr> certificates_;
};

base::Result<Certificate> read_store(OSSL_LIB_CTX* library, std::string_view bytes, const base::Secret& password,
                                     bool retired_allowed) {
  StoreReader reader(library, password, retired_allowed);
  if (const auto ok = reader.read(bytes); !ok) return std::unexpected(ok.error());
  return assemble_certificate(reader.take_key(), reader.take_certificates());
}

// A library context of its own, so that the retired algorithms are not available to the rest of the program.
base::Result<Certificate> read_retired_store(std::string_view bytes, const base::Secret& password) {
  const LibraryPtr library(OSSL_LIB_CTX_new());
  const ProviderPtr standard(OSSL_PROVIDER_load(library.get(), "default"));
  const ProviderPtr legacy(OSSL_PROVIDER_load(library.get(), "legacy"));
  if (standard == nullptr || legacy == nullptr) {
    return fail(ErrorKind::unsupported,
                "it is encrypted with a retired algorithm (RC2, RC4 or DES), for which OpenSSL's legacy provider "
                "(legacy.so) is needed and could not be loaded; install it, or export the store again with AES-256");
  }
  return read_store(library.get(), bytes, password, true);
}

}  // namespace

bool preload_legacy_provider() {
  // The name by which OpenSSL asks for it: the loader knows it again by that.
  const char* chosen = std::getenv("OPENSSL_MODULES");
  const std::string folder = chosen != nullptr ? chosen : OPENSSL_info(OPENSSL_INFO_MODULES_DIR);
  return ::dlopen((folder + "/legacy.so").c_str(), RTLD_NOW | RTLD_LOCAL) != nullptr;
}

base::Result<Certificate> load_pkcs12(std::string_view bytes, const base::Secret& password) {
  constexpr std::string_view kContext = "PKCS#12 certificate";
  const ErrorQueueGuard guard;
  if (bytes.size() > kMaxCertificateBytes) return fail(ErrorKind::invalid, "PKCS#12 certificate: larger than 1 MiB");
  if (password.reveal().contains('\0')) {
    return fail(ErrorKind::invalid, "PKCS#12 certificate: the password contains a zero byte");
  }
  auto certificate = read_store(nullptr, bytes, password, false);
  if (!certificate && certificate.error().kind == ErrorKind::unsupported) {
    certificate = read_retired_store(bytes, password);
  }
  if (!certificate) return fail(certificate.error(), kContext);
  return certificate;
}

}  // namespace podid::azure
