// SPDX-License-Identifier: Apache-2.0
// Any bytes as a kubeconfig: a configuration, or an error that names the file.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "kube/config.hpp"

using namespace podid;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config =
      kube::parse_kubeconfig(text, "/k/config", {}, [](const std::string& path) -> base::Result<std::string> {
        if (path.ends_with(".pem")) return std::string("content");
        return base::fail(base::ErrorKind::not_found, "cannot open " + path);
      });
  if (config) {
    if (config->server.host.empty()) std::abort();
  } else if (!config.error().message.starts_with("kubeconfig /k/config")) {
    std::abort();
  }
  return 0;
}
