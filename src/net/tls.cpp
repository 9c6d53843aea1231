// SPDX-License-Identifier: Apache-2.0
#include "net/tls.hpp"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <boost/asio/ssl/context.hpp>
#include <string_view>
#include <vector>

namespace podid::net {
namespace {

namespace ssl = boost::asio::ssl;
using base::ErrorKind;

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Bio = std::unique_ptr<BIO, Free>;
using Certificate = std::unique_ptr<X509, Free>;
using Key = std::unique_ptr<EVP_PKEY, Free>;

// OpenSSL's reason for the last failure; its queue is empty afterwards.
std::string last_reason() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "unknown reason";
}

std::unexpected<base::Error> bad(std::string_view what, std::string_view problem) {
  return base::fail(ErrorKind::invalid, fmt::format("{}: {}", what, problem));
}

Bio reader(std::string_view pem) { return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))); }

base::Result<std::vector<Certificate>> read_certificates(std::string_view pem, std::string_view what) {
  std::vector<Certificate> certificates;
  const Bio bio = reader(pem);
  ERR_clear_error();
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    certificates.emplace_back(certificate);
  }
  // "No start line" is how OpenSSL says that nothing more follows; another error is a damaged block.
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string reason = last_reason();
  if (certificates.empty() && at_end) return bad(what, "not a PEM block with a certificate");
  if (!at_end) return bad(what, "has a damaged PEM block: " + reason);
  return certificates;
}

// Keys with a pass phrase are refused instead of asking for it on a terminal.
int no_pass_phrase(char*, int, int, void*) { return -1; }

base::Result<> use_identity(SSL_CTX* context, std::string_view chain_pem, const base::Secret& key_pem,
                            std::string_view what) {
  auto chain = read_certificates(chain_pem, fmt::format("{} certificate", what));
  if (!chain) return std::unexpected(chain.error());
  const std::string key_name = fmt::format("{} key", what);
  const Bio key_bio = reader(key_pem.reveal());
  const Key key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, no_pass_phrase, nullptr));
  if (!key) {
    ERR_clear_error();
    return bad(key_name, "not a PEM block with an unencrypted private key");
  }
  if (SSL_CTX_use_certificate(context, chain->front().get()) != 1) {
    return bad(fmt::format("{} certificate", what), last_reason());
  }
  for (std::size_t i = 1; i < chain->size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context, (*chain)[i].get()) != 1) {
      return bad(fmt::format("{} certificate", what), last_reason());
    }
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    ERR_clear_error();
    return bad(key_name, "does not belong to the certificate");
  }
  return {};
}

base::Result<TlsContext> make_context(ssl::context::method method) {
  TlsContext context;
  try {
    context = std::make_shared<ssl::context>(method);
  } catch (const boost::system::system_error& error) {
    return base::fail(ErrorKind::internal, fmt::format("cannot set up TLS: {}", error.what()));
  }
  SSL_CTX* const native = context->native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION);
  return context;
}

}  // namespace

base::Result<TlsContext> make_client_context(const TlsClientOptions& options) {
  auto context = make_context(ssl::context::tls_client);
  if (!context) return context;
  SSL_CTX* const native = (*context)->native_handle();
  if (options.ca_pem.empty()) {
    if (SSL_CTX_set_default_verify_paths(native) != 1) return bad("system trust store", last_reason());
  } else {
    auto roots = read_certificates(options.ca_pem, "CA certificate");
    if (!roots) return std::unexpected(roots.error());
    for (const Certificate& root : *roots) {
      if (X509_STORE_add_cert(SSL_CTX_get_cert_store(native), root.get()) != 1) {
        return bad("CA certificate", last_reason());
      }
    }
    // A certificate given as trusted is trusted though it be no root, as in Go's and curl's reading of a CA file.
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(native), X509_V_FLAG_PARTIAL_CHAIN);
  }
  if (options.client_certificate_pem.empty() != options.client_key_pem.empty()) {
    return bad("client certificate", options.client_key_pem.empty() ? "has no key" : "is missing, but there is a key");
  }
  if (!options.client_certificate_pem.empty()) {
    auto identity = use_identity(native, options.client_certificate_pem, options.client_key_pem, "client");
    if (!identity) return std::unexpected(identity.error());
  }
  SSL_CTX_set_verify(native, options.insecure_skip_verify ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
  return context;
}

base::Result<TlsContext> make_server_context(const TlsServerOptions& options) {
  auto context = make_context(ssl::context::tls_server);
  if (!context) return context;
  auto identity = use_identity((*context)->native_handle(), options.certificate_chain_pem, options.key_pem, "server");
  if (!identity) return std::unexpected(identity.error());
  return context;
}

}  // namespace podid::net
