// SPDX-License-Identifier: Apache-2.0
#include "azure/certificate.hpp"

#include <fmt/format.h>
#include <openssl/pem.h>

#include <algorithm>
#include <ctime>

#include "azure/openssl_ptr.hpp"
#include "base/time_text.hpp"

namespace podid::azure {
namespace {

using base::ErrorKind;
using base::fail;

std::string der_of(X509* certificate) {
  unsigned char* bytes = nullptr;
  const int size = i2d_X509(certificate, &bytes);
  if (size <= 0) return {};
  std::string der(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  return der;
}

std::optional<base::WallTime> time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(parts.tm_year + 1900),
                                         std::chrono::month(static_cast<unsigned>(parts.tm_mon + 1)),
                                         std::chrono::day(static_cast<unsigned>(parts.tm_mday))};
  const std::chrono::sys_seconds seconds = std::chrono::sys_days(date) + std::chrono::hours(parts.tm_hour) +
                                           std::chrono::minutes(parts.tm_min) + std::chrono::seconds(parts.tm_sec);
  // "No end" is written as the year 9999, which the clock's nanoseconds cannot hold.
  constexpr auto kLatest = std::chrono::floor<std::chrono::seconds>(base::WallTime::max());
  constexpr auto kEarliest = std::chrono::ceil<std::chrono::seconds>(base::WallTime::min());
  return base::WallTime(std::clamp(seconds, kEarliest, kLatest));
}

// The same key without ties to the library context in which it was decrypted.
KeyPtr in_default_context(const EVP_PKEY* key) {
  unsigned char* bytes = nullptr;
  const int size = i2d_PrivateKey(key, &bytes);
  if (size <= 0) return nullptr;
  const unsigned char* at = bytes;
  KeyPtr copy(d2i_AutoPrivateKey(nullptr, &at, size));
  OPENSSL_clear_free(bytes, static_cast<std::size_t>(size));
  return copy;
}

// Encrypted PEM keys are refused: PKCS#12 is the form with a password.
int refuse_password(char*, int, int, void*) { return -1; }

}  // namespace

BioPtr memory_bio(std::string_view bytes) {
  return BioPtr(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

base::Result<Certificate> assemble_certificate(KeyPtr key, std::vector<X509Ptr> certificates) {
  if (key == nullptr) return fail(ErrorKind::invalid, "no private key in it");
  if (EVP_PKEY_is_a(key.get(), "RSA") != 1) {
    const char* name = EVP_PKEY_get0_type_name(key.get());
    return fail(ErrorKind::invalid,
                fmt::format("its private key is of type {}; only RSA keys can be used", name ? name : "unknown"));
  }
  if (const int bits = EVP_PKEY_get_bits(key.get()); bits > kMaxRsaBits) {
    return fail(ErrorKind::invalid, fmt::format("its RSA key has {} bits, more than {}", bits, kMaxRsaBits));
  }
  key = in_default_context(key.get());
  if (key == nullptr) return fail(ErrorKind::invalid, "its private key cannot be read");

  Certificate::Parts parts;
  for (const X509Ptr& certificate : certificates) {
    std::string der = der_of(certificate.get());
    if (parts.der.empty() && X509_check_private_key(certificate.get(), key.get()) == 1) {
      const auto not_before = time_of(X509_get0_notBefore(certificate.get()));
      const auto not_after = time_of(X509_get0_notAfter(certificate.get()));
      if (!not_before || !not_after) return fail(ErrorKind::invalid, "the certificate's validity cannot be read");
      parts.not_before = *not_before;
      parts.not_after = *not_after;
      parts.der = std::move(der);
    } else {
      parts.chain.push_back(std::move(der));
    }
  }
  if (parts.der.empty()) {
    return fail(ErrorKind::invalid,
                certificates.empty() ? "no certificate in it" : "none of its certificates belongs to the private key");
  }
  parts.key = std::shared_ptr<EVP_PKEY>(key.release(), &EVP_PKEY_free);
  return Certificate(std::move(parts));
}

base::Result<Certificate> load_pem(std::string_view text) {
  constexpr std::string_view kContext = "PEM certificate";
  const ErrorQueueGuard guard;
  if (text.size() > kMaxCertificateBytes) return fail(ErrorKind::invalid, "PEM certificate: larger than 1 MiB");
  if (text.contains("ENCRYPTED")) {
    return fail(ErrorKind::invalid, "PEM certificate: the private key is encrypted; use a PKCS#12 store instead");
  }
  const BioPtr key_bio = memory_bio(text);
  KeyPtr key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, &refuse_password, nullptr));
  std::vector<X509Ptr> certificates;
  const BioPtr certificate_bio = memory_bio(text);
  while (X509* certificate = PEM_read_bio_X509(certificate_bio.get(), nullptr, &refuse_password, nullptr)) {
    certificates.emplace_back(certificate);
  }
  auto result = assemble_certificate(std::move(key), std::move(certificates));
  if (!result) return fail(result.error(), kContext);
  return result;
}

base::Result<Certificate> load_certificate(std::string_view bytes, const base::Secret& password) {
  return bytes.contains("-----BEGIN ") ? load_pem(bytes) : load_pkcs12(bytes, password);
}

base::Result<> check_validity(const Certificate& certificate, base::WallTime now) {
  if (now > certificate.not_after()) {
    return fail(ErrorKind::invalid,
                "the client certificate expired at " + base::format_rfc3339(certificate.not_after()));
  }
  if (now < certificate.not_before()) {
    return fail(ErrorKind::invalid,
                "the client certificate is not valid before " + base::format_rfc3339(certificate.not_before()));
  }
  return {};
}

}  // namespace podid::azure
