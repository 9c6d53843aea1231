// SPDX-License-Identifier: Apache-2.0
// Certificates for the lab: an authority of its own and what it signs. Keys are made at run time; none is
// kept in the repository.
#pragma once
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/secret.hpp"

namespace podid::lab::azure {

struct CertificateAndKey {
  std::string certificate_pem;
  base::Secret key_pem;  // PKCS#8
};

// P-256 keys, valid from an hour before `now` for ten years.
class LabCa {
 public:
  static base::Result<LabCa> create(std::string common_name, base::WallTime now);

  // A server and client certificate whose subject alternative names are `names` (DNS names, wildcards or IP
  // literals).
  base::Result<CertificateAndKey> issue(const std::vector<std::string>& names, base::WallTime now) const;
  const std::string& certificate_pem() const { return authority_.certificate_pem; }

 private:
  explicit LabCa(CertificateAndKey authority) : authority_(std::move(authority)) {}
  CertificateAndKey authority_;
};

// Every host name that the simulator answers to.
std::vector<std::string> azure_host_names();

// A self-signed RSA certificate as an application registers it for signing in, valid until `not_after`.
base::Result<CertificateAndKey> make_sign_in_certificate(const std::string& common_name, base::WallTime not_before,
                                                         base::WallTime not_after);
// The two as a PKCS#12 file. `legacy` uses the algorithms of old tools (3DES and RC2-40 with SHA-1), which
// OpenSSL 3 provides only through its legacy provider.
enum class Pkcs12Flavour { modern, legacy };
base::Result<std::string> to_pkcs12(const CertificateAndKey& pair, const std::string& password, Pkcs12Flavour flavour);

}  // namespace podid::lab::azure
