// SPDX-License-Identifier: Apache-2.0
#include "azure/cloud_config.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "base/text.hpp"

namespace podid::azure {
namespace {

using base::ErrorKind;
using base::fail;

// yaml-cpp reports by exception; parse_cloud_config turns this one into an error value.
struct WrongType {
  std::string_view key;
  std::string_view wanted;
};

std::string text_at(const YAML::Node& root, std::string_view key) {
  const YAML::Node node = root[std::string(key)];
  if (!node.IsDefined() || node.IsNull()) return {};
  if (!node.IsScalar()) throw WrongType{key, "a string"};
  return node.Scalar();
}

bool flag_at(const YAML::Node& root, std::string_view key) {
  const YAML::Node node = root[std::string(key)];
  if (!node.IsDefined() || node.IsNull()) return false;
  bool value = false;
  // A quoted "true" is a string, not a boolean: yaml-cpp marks it with the tag "!".
  if (!node.IsScalar() || node.Tag() == "!" || !YAML::convert<bool>::decode(node, value)) {
    throw WrongType{key, "true or false"};
  }
  return value;
}

base::Result<CloudConfig> read_yaml(std::string_view yaml) {
  try {
    const YAML::Node root = YAML::Load(std::string(yaml));
    if (!root.IsMap()) return fail(ErrorKind::invalid, "cloud configuration: not a mapping of keys to values");
    CloudConfig config;
    config.cloud = text_at(root, "cloud");
    config.tenant_id = text_at(root, "tenantId");
    config.client_id = text_at(root, "aadClientId");
    config.client_secret = base::Secret(text_at(root, "aadClientSecret"));
    config.subscription_id = text_at(root, "subscriptionId");
    config.resource_group = text_at(root, "resourceGroup");
    config.use_managed_identity = flag_at(root, "useManagedIdentityExtension");
    config.user_assigned_identity_id = text_at(root, "userAssignedIdentityID");
    return config;
  } catch (const WrongType& wrong) {
    return fail(ErrorKind::invalid, fmt::format("cloud configuration: {} is not {}", wrong.key, wrong.wanted));
  } catch (const YAML::Exception& error) {
    return fail(ErrorKind::invalid, fmt::format("cloud configuration: line {}: {}", error.mark.line + 1, error.msg));
  }
}

}  // namespace

base::Result<CloudConfig> parse_cloud_config(std::string_view yaml) {
  auto config = read_yaml(yaml);
  if (!config) return config;
  if (const auto valid = validate(*config); !valid) return std::unexpected(valid.error());
  return config;
}

base::Result<CloudConfig> cloud_config_from_environment(
    const std::function<std::string(std::string_view name)>& variable) {
  CloudConfig config;
  config.cloud = variable("CLOUD");
  config.tenant_id = variable("TENANT_ID");
  config.client_id = variable("CLIENT_ID");
  config.client_secret = base::Secret(variable("CLIENT_SECRET"));
  config.subscription_id = variable("SUBSCRIPTION_ID");
  config.resource_group = variable("RESOURCE_GROUP");
  config.use_managed_identity = base::iequals(variable("USE_MSI"), "True");
  config.user_assigned_identity_id = variable("USER_ASSIGNED_MSI_CLIENT_ID");
  if (const auto valid = validate(config); !valid) return std::unexpected(valid.error());
  return config;
}

base::Result<> validate(const CloudConfig& config) {
  const auto missing = [](std::string_view key, std::string_view variable, std::string_view why) {
    return fail(ErrorKind::invalid, fmt::format("cloud configuration: {} ({}) is empty{}", key, variable, why));
  };
  constexpr std::string_view kForPrincipal =
      ", but a service principal needs it; set useManagedIdentityExtension (USE_MSI) to use a managed "
      "identity";
  if (config.cloud.empty()) return missing("cloud", "CLOUD", "; the usual value is AzurePublicCloud");
  if (config.use_managed_identity) return {};
  if (config.tenant_id.empty()) return missing("tenantId", "TENANT_ID", kForPrincipal);
  if (config.client_id.empty()) return missing("aadClientId", "CLIENT_ID", kForPrincipal);
  if (config.client_secret.empty()) return missing("aadClientSecret", "CLIENT_SECRET", kForPrincipal);
  // The placeholder that AKS writes beside useManagedIdentityExtension: true.
  if (config.client_id == "msi") {
    return fail(ErrorKind::invalid,
                "cloud configuration: aadClientId (CLIENT_ID) is \"msi\", but useManagedIdentityExtension "
                "(USE_MSI) is "
                "not true");
  }
  return {};
}

}  // namespace podid::azure
