// SPDX-License-Identifier: Apache-2.0
// The set of resources being served: the built-in ones and those of installed CRDs.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lab/apiserver/schema/resource.hpp"

namespace podid::lab::apiserver {

// Not thread-safe. Resources are immutable: a changed CRD installs a new one.
class Registry {
 public:
  Registry();

  void install(ResourcePtr resource);  // replaces the one of the same bucket
  void uninstall(std::string_view bucket);
  // Null where there is none.
  ResourcePtr find(std::string_view group, std::string_view version, std::string_view plural) const;
  ResourcePtr find_bucket(std::string_view bucket) const;

  // Whether resources without a CRD are in it: unknown ones beside them are refused differently.
  bool has_built_in(std::string_view group, std::string_view version) const;
  bool has_group_version(std::string_view group, std::string_view version) const;
  // Names of the groups but core, built-in ones first.
  std::vector<std::string> groups() const;
  std::vector<std::string> versions(std::string_view group) const;
  std::vector<ResourcePtr> resources(std::string_view group, std::string_view version) const;
  const std::vector<ResourcePtr>& all() const { return resources_; }

 private:
  std::vector<ResourcePtr> resources_;
};

}  // namespace podid::lab::apiserver
