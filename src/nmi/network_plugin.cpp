// SPDX-License-Identifier: Apache-2.0
#include "nmi/network_plugin.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <filesystem>
#include <string_view>
#include <vector>

#include "base/file.hpp"
#include "base/json.hpp"

namespace podid::nmi {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

// Plugins that make a bridge and put all pods of the node on it; flannel leaves that to bridge.
constexpr std::array<std::string_view, 3> kBridging{"bridge", "flannel", "kubenet"};

// The first file by name, as container runtimes choose.
std::optional<fs::path> chosen_file(const std::string& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const fs::path extension = at->path().extension();
    if (extension == ".conflist" || extension == ".conf" || extension == ".json") files.push_back(at->path());
  }
  const auto first = std::ranges::min_element(files);
  if (first == files.end()) return std::nullopt;
  return *first;
}

}  // namespace

std::optional<std::string> spoofing_risk(const std::string& folder) {
  const std::optional<fs::path> file = chosen_file(folder);
  if (!file) return std::nullopt;
  const base::Result<std::string> content = base::read_file(file->string());
  if (!content) return std::nullopt;
  boost::system::error_code error;
  const json::value config = json::parse(*content, error);
  if (error || !config.is_object()) return std::nullopt;
  // A list of plugins, of which the first makes the interface, or one plugin alone.
  const json::value* plugins = config.get_object().if_contains("plugins");
  const bool list = plugins != nullptr && plugins->is_array() && !plugins->get_array().empty();
  const std::string_view type = base::text_at(list ? plugins->get_array().front() : config, {"type"});
  if (std::ranges::find(kBridging, type) == kBridging.end()) return std::nullopt;
  return fmt::format(
      "{} uses the network plugin {}: pods share a bridge, where one with the capability NET_RAW can answer ARP for "
      "another's address; take NET_RAW from pods, or use a plugin that routes to each pod",
      file->string(), type);
}

base::Result<> check_kubenet(const NmiOptions& options) {
  if (options.allow_kubenet) return {};
  const base::Result<std::string> content = base::read_file(options.kubelet_config);
  if (!content) {
    return base::fail(content.error().kind,
                      "failed to check if CNI plugin is kubenet, error: " + content.error().message +
                          " (--kubelet-config names the file, --allow-network-plugin-kubenet "
                          "skips the check)");
  }
  if (content->contains("--network-plugin=kubenet")) {
    return base::fail(base::ErrorKind::unsupported,
                      "AAD Pod Identity is not supported for Kubenet. Review "
                      "https://azure.github.io/aad-pod-identity/docs/configure/aad_pod_identity_on_kubenet/ for more "
                      "details.");
  }
  return {};
}

}  // namespace podid::nmi
