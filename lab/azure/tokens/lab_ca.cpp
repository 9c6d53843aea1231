// SPDX-License-Identifier: Apache-2.0
#include "lab/azure/tokens/lab_ca.hpp"

#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <boost/asio/ip/address.hpp>

#include "base/time_text.hpp"
#include "lab/azure/tokens/openssl_handles.hpp"

namespace podid::lab::azure {
namespace {

using Pkcs12Ptr = std::unique_ptr<PKCS12, OpensslDelete<PKCS12_free>>;

std::string written(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

base::Result<CertificateAndKey> to_pem(X509& certificate, EVP_PKEY& key) {
  BioPtr certificate_bio(BIO_new(BIO_s_mem()));
  BioPtr key_bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(certificate_bio.get(), &certificate) != 1 ||
      PEM_write_bio_PKCS8PrivateKey(key_bio.get(), &key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return base::fail(base::ErrorKind::internal, "OpenSSL could not write a certificate");
  }
  return CertificateAndKey{.certificate_pem = written(certificate_bio.get()),
                           .key_pem = base::Secret(written(key_bio.get()))};
}

bool add_extension(X509& certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, &certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  if (extension == nullptr) return false;
  const bool added = X509_add_ext(&certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

struct Validity {
  base::WallTime not_before;
  base::WallTime not_after;
};

// A certificate for `key` with subject `name`; extensions and signature are the caller's.
CertificatePtr start_certificate(EVP_PKEY& key, const std::string& name, const X509_NAME* issuer, Validity validity) {
  CertificatePtr certificate(X509_new());
  unsigned char serial[16];
  if (certificate == nullptr || RAND_bytes(serial, sizeof serial) != 1) return nullptr;
  serial[0] &= 0x7f;  // positive
  BIGNUM* number = BN_bin2bn(serial, sizeof serial, nullptr);
  const bool serial_set = BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate.get())) != nullptr;
  BN_free(number);
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  if (!serial_set || X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
      X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(name.c_str()), -1,
                                 -1, 0) != 1 ||
      X509_set_issuer_name(certificate.get(), issuer == nullptr ? subject : issuer) != 1 ||
      ASN1_TIME_set(X509_getm_notBefore(certificate.get()), base::unix_seconds(validity.not_before)) == nullptr ||
      ASN1_TIME_set(X509_getm_notAfter(certificate.get()), base::unix_seconds(validity.not_after)) == nullptr ||
      X509_set_pubkey(certificate.get(), &key) != 1) {
    return nullptr;
  }
  return certificate;
}

std::unexpected<base::Error> cannot_make() {
  return base::fail(base::ErrorKind::internal, "OpenSSL could not make a certificate");
}

// From the past on, too: a lab's clock can be driven both ways (lab/clock).
Validity ten_years_each_way(base::WallTime now) {
  return {.not_before = now - std::chrono::hours(24 * 3650), .not_after = now + std::chrono::hours(24 * 3650)};
}

using LibraryPtr = std::unique_ptr<OSSL_LIB_CTX, OpensslDelete<OSSL_LIB_CTX_free>>;
using ProviderPtr = std::unique_ptr<OSSL_PROVIDER, OpensslDelete<OSSL_PROVIDER_unload>>;

// A library context of its own, so that the rest of the process does not get the legacy algorithms by accident:
// what reads such files has to ask for them itself.
struct Library {
  LibraryPtr context{OSSL_LIB_CTX_new()};
  ProviderPtr standard{OSSL_PROVIDER_load(context.get(), "default")};
  ProviderPtr legacy;
};

}  // namespace

base::Result<LabCa> LabCa::create(std::string common_name, base::WallTime now) {
  KeyPtr key(EVP_EC_gen("P-256"));
  if (key == nullptr) return cannot_make();
  CertificatePtr certificate = start_certificate(*key, common_name, nullptr, ten_years_each_way(now));
  if (certificate == nullptr ||
      !add_extension(*certificate, certificate.get(), NID_basic_constraints, "critical,CA:TRUE") ||
      !add_extension(*certificate, certificate.get(), NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !add_extension(*certificate, certificate.get(), NID_subject_key_identifier, "hash") ||
      X509_sign(certificate.get(), key.get(), EVP_sha256()) == 0) {
    return cannot_make();
  }
  auto pair = to_pem(*certificate, *key);
  if (!pair) return std::unexpected(pair.error());
  return LabCa(std::move(*pair));
}

base::Result<CertificateAndKey> LabCa::issue(const std::vector<std::string>& names, base::WallTime now) const {
  const CertificatePtr issuer = parse_certificate_pem(authority_.certificate_pem);
  const KeyPtr issuer_key = parse_key_pem(authority_.key_pem.reveal());
  KeyPtr key(EVP_EC_gen("P-256"));
  if (names.empty() || issuer == nullptr || issuer_key == nullptr || key == nullptr) return cannot_make();
  std::string alternatives;
  for (const std::string& name : names) {
    boost::system::error_code not_an_address;
    boost::asio::ip::make_address(name, not_an_address);
    alternatives += fmt::format("{}{}:{}", alternatives.empty() ? "" : ",", not_an_address ? "DNS" : "IP", name);
  }
  CertificatePtr certificate =
      start_certificate(*key, names.front(), X509_get_subject_name(issuer.get()), ten_years_each_way(now));
  if (certificate == nullptr ||
      !add_extension(*certificate, issuer.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(*certificate, issuer.get(), NID_key_usage, "critical,digitalSignature") ||
      !add_extension(*certificate, issuer.get(), NID_ext_key_usage, "serverAuth,clientAuth") ||
      !add_extension(*certificate, issuer.get(), NID_authority_key_identifier, "keyid") ||
      !add_extension(*certificate, issuer.get(), NID_subject_alt_name, alternatives) ||
      X509_sign(certificate.get(), issuer_key.get(), EVP_sha256()) == 0) {
    return cannot_make();
  }
  return to_pem(*certificate, *key);
}

std::vector<std::string> azure_host_names() {
  return {"login.microsoftonline.com",
          "login.windows.net",
          "login.microsoft.com",
          "sts.windows.net",
          "management.azure.com",
          "*.vault.azure.net",
          "localhost",
          "127.0.0.1",
          "::1"};
}

base::Result<CertificateAndKey> make_sign_in_certificate(const std::string& common_name, base::WallTime not_before,
                                                         base::WallTime not_after) {
  KeyPtr key(EVP_RSA_gen(2048));
  if (key == nullptr) return cannot_make();
  CertificatePtr certificate =
      start_certificate(*key, common_name, nullptr, {.not_before = not_before, .not_after = not_after});
  if (certificate == nullptr || X509_sign(certificate.get(), key.get(), EVP_sha256()) == 0) return cannot_make();
  return to_pem(*certificate, *key);
}

base::Result<std::string> to_pkcs12(const CertificateAndKey& pair, const std::string& password, Pkcs12Flavour flavour) {
  const CertificatePtr certificate = parse_certificate_pem(pair.certificate_pem);
  const KeyPtr key = parse_key_pem(pair.key_pem.reveal());
  if (certificate == nullptr || key == nullptr) {
    return base::fail(base::ErrorKind::invalid, "PKCS#12: the certificate or its key is not PEM");
  }
  const bool legacy = flavour == Pkcs12Flavour::legacy;
  Library library;
  if (legacy) library.legacy.reset(OSSL_PROVIDER_load(library.context.get(), "legacy"));
  if (legacy && library.legacy == nullptr) {
    return base::fail(base::ErrorKind::unsupported,
                      "OpenSSL's legacy provider (legacy.so) is not installed: no old PKCS#12 file can be made");
  }
  // 0 stands for OpenSSL's default, AES-256 with PBKDF2; iterations of -1 for "no integrity code yet".
  const Pkcs12Ptr file(PKCS12_create_ex(password.c_str(), nullptr, key.get(), certificate.get(), nullptr,
                                        legacy ? NID_pbe_WithSHA1And3_Key_TripleDES_CBC : 0,
                                        legacy ? NID_pbe_WithSHA1And40BitRC2_CBC : 0,
                                        /*iter=*/2048, /*mac_iter=*/-1, /*keytype=*/0, library.context.get(), nullptr));
  if (file == nullptr ||
      PKCS12_set_mac(file.get(), password.c_str(), -1, nullptr, 0, 2048, legacy ? EVP_sha1() : EVP_sha256()) != 1) {
    return base::fail(base::ErrorKind::internal, "OpenSSL could not make a PKCS#12 file");
  }
  unsigned char* der = nullptr;
  const int size = i2d_PKCS12(file.get(), &der);
  if (size <= 0) return base::fail(base::ErrorKind::internal, "OpenSSL could not make a PKCS#12 file");
  std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

}  // namespace podid::lab::azure
