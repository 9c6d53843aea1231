// SPDX-License-Identifier: Apache-2.0
// TLS settings as values, turned into an OpenSSL context once. TLS 1.2 and newer.
#pragma once
#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/secret.hpp"

namespace boost::asio::ssl {
class context;  // NOLINT(readability-identifier-naming): Asio's name
}

namespace podid::net {

struct TlsClientOptions {
  std::string ca_pem{};                  // empty: the system's trust store (SSL_CERT_FILE is honoured)
  std::string client_certificate_pem{};  // with client_key_pem, or both empty
  base::Secret client_key_pem{};
  std::string server_name{};          // empty: the URL's host
  bool insecure_skip_verify = false;  // kubeconfig's insecure-skip-tls-verify
};

struct TlsServerOptions {
  std::string certificate_chain_pem{};
  base::Secret key_pem{};
};

using TlsContext = std::shared_ptr<boost::asio::ssl::context>;

// Errors name what is wrong with which certificate or key, in words ("client certificate: not a PEM block").
base::Result<TlsContext> make_client_context(const TlsClientOptions& options);
base::Result<TlsContext> make_server_context(const TlsServerOptions& options);

}  // namespace podid::net
