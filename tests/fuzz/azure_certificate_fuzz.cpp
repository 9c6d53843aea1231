// SPDX-License-Identifier: Apache-2.0
// Any bytes as a certificate store: a certificate or an error, and nothing left in OpenSSL's queue of errors.
#include <openssl/err.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "azure/certificate.hpp"

using namespace podid;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto certificate = azure::load_certificate(bytes, base::Secret("password"));
  if (certificate ? certificate->der().empty() : certificate.error().message.empty()) std::abort();
  if (ERR_peek_error() != 0) std::abort();
  return 0;
}
