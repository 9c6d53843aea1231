// SPDX-License-Identifier: Apache-2.0
// `podid usage`: what of the bindings is used, by the audit log. Pure.
#pragma once
#include <boost/json/object.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "audit/record.hpp"
#include "base/clock.hpp"
#include "core/model/resources.hpp"

namespace podid::cli {

struct BindingUsage {
  std::string binding;   // "namespace/name"
  std::string identity;  // "namespace/name"
  bool exists = true;    // false: the log names it, and it is there no more
  std::uint64_t issued = 0;
  std::uint64_t denied = 0;
  std::set<std::string> pods;                      // that were issued tokens: "namespace/name"
  std::map<std::string, std::uint64_t> resources;  // as clients wrote them, and how often issued
  std::optional<base::WallTime> last;              // issuance
};

class UsageCount {
 public:
  void add(const audit::Record& record);
  // Of the bindings that there are and those that the log names; never used ones first, then by name.
  std::vector<BindingUsage> of(std::span<const core::AzureIdentityBinding> bindings) const;

 private:
  std::map<std::string, BindingUsage> by_binding_;
};

struct UsageColumns {
  bool wide = false;
};
std::string to_table(std::span<const BindingUsage> usage, UsageColumns columns, base::WallTime now);
boost::json::object to_json(std::span<const BindingUsage> usage);

}  // namespace podid::cli
