// SPDX-License-Identifier: Apache-2.0
#include "core/model/azure_ids.hpp"

#include <algorithm>
#include <vector>

#include "core/model/ascii.hpp"

namespace podid::core {
namespace {

constexpr std::string_view kComputeProvider = "Microsoft.Compute";
constexpr std::string_view kScaleSets = "virtualMachineScaleSets";
constexpr std::string_view kMachines = "virtualMachines";
constexpr std::size_t kMostShown = 512;  // of a text that is none of Azure's

std::vector<std::string_view> segments(std::string_view text) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto slash = text.find('/');
    parts.push_back(text.substr(0, slash));
    if (slash == std::string_view::npos) return parts;
    text.remove_prefix(slash + 1);
  }
}

// Go's %q for what can reach us: printable text with quotes and back-slashes, control characters in
// hexadecimal.
std::string quoted(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\x";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
  return out;
}

Read<ComputeTarget> to_target(ProviderId id) {
  if (!equal_ignoring_case(id.provider, kComputeProvider)) {
    return std::unexpected(
        Invalid{"", "expected a resource of " + std::string(kComputeProvider) + ", found " + quoted(id.provider)});
  }
  const ComputeKind kind =
      equal_ignoring_case(id.type, kScaleSets) ? ComputeKind::scale_set : ComputeKind::virtual_machine;
  return ComputeTarget{kind, std::move(id.subscription), std::move(id.resource_group), std::move(id.name)};
}

}  // namespace

std::string_view trimmed_resource_id(std::string_view id) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const auto first = id.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  id = id.substr(first, id.find_last_not_of(kBlanks) - first + 1);
  if (id.ends_with('/')) id.remove_suffix(1);
  return id;
}

bool is_azure_name(std::string_view part) {
  const auto allowed = [](char c) {
    const char lower = ascii_lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || std::string_view("._()-").contains(c);
  };
  return !part.empty() && part != "." && part != ".." && std::ranges::all_of(part, allowed);
}

bool is_valid_identity_resource_id(ResourceIdView resource_id) {
  const std::string_view id = resource_id.text();
  // An empty one stands for any name.
  constexpr std::string_view kForm[] = {
      "subscriptions",          "", "resourcegroups", "", "providers", "microsoft.managedidentity",
      "userassignedidentities", ""};
  if (!id.starts_with('/')) return false;
  const auto parts = segments(id.substr(1));
  return std::ranges::equal(parts, kForm, [](std::string_view part, std::string_view form) {
    return form.empty() ? is_azure_name(part) : equal_ignoring_case(part, form);
  });
}

std::string invalid_resource_id_text(ResourceIdView id) {
  return "invalid resource id: " + quoted(id.text()) +
         ", must match "
         "/subscriptions/<subid>/resourcegroups/<resourcegroup>/providers/Microsoft.ManagedIdentity/"
         "userAssignedIdentities/<name>";
}

std::string resource_id_key(ResourceIdView id) { return ascii_lower(id.text()); }

Read<ProviderId> parse_provider_id(std::string_view id) {
  const std::string shown(id.substr(0, kMostShown));
  const auto parts = segments(id);
  for (std::size_t i = 0; i + 7 < parts.size(); ++i) {
    if (!equal_ignoring_case(parts[i], "subscriptions") || !equal_ignoring_case(parts[i + 2], "resourceGroups") ||
        !equal_ignoring_case(parts[i + 4], "providers")) {
      continue;
    }
    ProviderId found{std::string(parts[i + 1]), std::string(parts[i + 3]), std::string(parts[i + 5]),
                     std::string(parts[i + 6]), std::string(parts[i + 7])};
    // All of it goes into the path of a request, where a dot segment would lead elsewhere.
    const auto bad =
        std::ranges::find_if_not(parts.begin() + static_cast<std::ptrdiff_t>(i), parts.end(), is_azure_name);
    if (bad == parts.end()) return found;
    if (bad->empty()) break;
    return std::unexpected(
        Invalid{"", "failed to parse " + shown + ": invalid resource ID format: " + quoted(*bad) + " is no name"});
  }
  return std::unexpected(Invalid{"", "failed to parse " + shown + ": invalid resource ID format"});
}

std::string ComputeTarget::key() const {
  std::string id = "/subscriptions/" + subscription + "/resourceGroups/" + resource_group + "/providers/";
  id += kComputeProvider;
  id += '/';
  id += kind == ComputeKind::scale_set ? kScaleSets : kMachines;
  id += '/';
  id += name;
  return ascii_lower(id);
}

Read<ComputeTarget> compute_target(const Node& node, const ComputeDefaults& defaults) {
  if (node.provider_id.empty()) {
    return ComputeTarget{ComputeKind::virtual_machine, defaults.subscription, defaults.resource_group, node.name};
  }
  auto id = parse_provider_id(node.provider_id);
  if (!id) return std::unexpected(Invalid{"spec.providerID", std::move(id.error().problem)});
  auto target = to_target(*std::move(id));
  if (!target) target.error().field = "spec.providerID";
  return target;
}

Read<ComputeTarget> compute_target_from_key(std::string_view key) {
  auto id = parse_provider_id(key);
  if (!id) return std::unexpected(std::move(id.error()));
  return to_target(*std::move(id));
}

}  // namespace podid::core
