// SPDX-License-Identifier: Apache-2.0
// Certificates made at run time, so that no key lies in the repository and none expires.
#pragma once
#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace podid::test {

struct TestCertificate {
  std::string certificate_pem;
  std::string key_pem;  // PKCS#8
};

// A certificate authority in memory. Errors throw: they would be errors of the test.
class TestCa {
 public:
  explicit TestCa(const std::string& name = "test CA")
      : key_(make_key()), certificate_(make(name, {}, key_.get(), nullptr)) {}

  std::string certificate_pem() const { return to_pem(certificate_.get()); }

  // A leaf for these DNS names and IP addresses (server and client use), valid from an hour ago for a day.
  TestCertificate issue(const std::vector<std::string>& names, const std::string& subject = "test leaf") const {
    const Key key = make_key();
    const Certificate leaf = make(subject, names, key.get(), this);
    return {.certificate_pem = to_pem(leaf.get()), .key_pem = to_pem(key.get())};
  }

  // Signed by its own key; trusted by nobody unless given as CA.
  static TestCertificate self_signed(const std::vector<std::string>& names,
                                     const std::string& subject = "self-signed") {
    const Key key = make_key();
    const Certificate certificate = make(subject, names, key.get(), nullptr);
    return {.certificate_pem = to_pem(certificate.get()), .key_pem = to_pem(key.get())};
  }

 private:
  struct Free {
    void operator()(X509* p) const { X509_free(p); }
    void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
    void operator()(BIO* p) const { BIO_free(p); }
  };
  using Certificate = std::unique_ptr<X509, Free>;
  using Key = std::unique_ptr<EVP_PKEY, Free>;
  using Bio = std::unique_ptr<BIO, Free>;

  static void check(bool ok) {
    if (!ok) throw std::runtime_error("test certificate: OpenSSL failed");
  }
  static Key make_key() {
    Key key(EVP_EC_gen("P-256"));
    check(key != nullptr);
    return key;
  }
  static std::string content(BIO* bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    return {data, static_cast<std::size_t>(size)};
  }
  static std::string to_pem(X509* certificate) {
    const Bio bio(BIO_new(BIO_s_mem()));
    check(PEM_write_bio_X509(bio.get(), certificate) == 1);
    return content(bio.get());
  }
  static std::string to_pem(EVP_PKEY* key) {
    const Bio bio(BIO_new(BIO_s_mem()));
    check(PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
    return content(bio.get());
  }
  static void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    check(extension != nullptr);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }
  static bool is_address(const std::string& name) {
    unsigned char buffer[sizeof(in6_addr)];
    return ::inet_pton(AF_INET, name.c_str(), buffer) == 1 || ::inet_pton(AF_INET6, name.c_str(), buffer) == 1;
  }

  // Without `issuer` it is its own; without names it is a CA.
  static Certificate make(const std::string& subject, const std::vector<std::string>& names, EVP_PKEY* key,
                          const TestCa* issuer) {
    static std::atomic<long> serial{1};
    Certificate certificate(X509_new());
    X509* const x = certificate.get();
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 24 * 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(subject.c_str()), -1, -1, 0);
    X509* const issuer_certificate = issuer != nullptr ? issuer->certificate_.get() : x;
    X509_set_issuer_name(x, X509_get_subject_name(issuer_certificate));
    X509_set_pubkey(x, key);
    add_extension(x, issuer_certificate, NID_subject_key_identifier, "hash");
    if (names.empty()) {
      add_extension(x, issuer_certificate, NID_basic_constraints, "critical,CA:TRUE");
      add_extension(x, issuer_certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
    } else {
      std::string list;
      for (const std::string& name : names)
        list += (list.empty() ? "" : ",") + ((is_address(name) ? "IP:" : "DNS:") + name);
      add_extension(x, issuer_certificate, NID_subject_alt_name, list);
      add_extension(x, issuer_certificate, NID_ext_key_usage, "serverAuth,clientAuth");
    }
    check(X509_sign(x, issuer != nullptr ? issuer->key_.get() : key, EVP_sha256()) > 0);
    return certificate;
  }

  Key key_;
  Certificate certificate_;
};

}  // namespace podid::test
