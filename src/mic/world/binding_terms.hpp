// SPDX-License-Identifier: Apache-2.0
// What spec.access of the bindings says, with the holidays that their windows name and the grants that there are.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/access/access_terms.hpp"
#include "core/access/calendar.hpp"
#include "core/access/grants.hpp"
#include "core/access/zone.hpp"
#include "core/model/access.hpp"
#include "core/model/object_meta.hpp"
#include "mic/world/access_book.hpp"

namespace podid::mic {

// The texts of a ConfigMap by their keys, or why there are none, a sentence without a full stop.
struct ConfigMapTexts {
  core::StringMap texts;
  std::string problem;
  bool operator==(const ConfigMapTexts&) const = default;
};

// Not thread-safe.
class BindingTerms final : public AccessSource {
 public:
  explicit BindingTerms(core::ZoneLookup zones) : zones_(std::move(zones)) {}

  void put(const core::ObjectKey& binding, const core::Access& access);
  void erase(const core::ObjectKey& binding);
  // The bindings of which it says something else now.
  std::vector<core::ObjectKey> put(const core::ObjectKey& config_map, ConfigMapTexts texts);
  std::vector<core::ObjectKey> put(core::AzureIdentityGrant grant);
  std::vector<core::ObjectKey> put(core::AzureIdentityGrantApproval approval);
  std::vector<core::ObjectKey> erase_grant(const core::ObjectKey& key);
  std::vector<core::ObjectKey> erase_approval(const core::AzureIdentityGrantApproval& approval);
  std::vector<core::ObjectKey> put(core::GrantPolicies policies);

  const core::GrantBook& grants() const { return grants_; }
  // Null for a binding without spec.access.
  const core::AccessTerms* find(const core::ObjectKey& binding) const;

  core::AccessState state_at(const core::ObjectKey& binding, core::Instant at) const override;
  std::string text_of(const core::ObjectKey& binding, const core::AccessState& state) const override;
  std::string problem_of(const core::ObjectKey& binding) const override;
  AccessSpan day_of(const core::ObjectKey& binding, core::Instant at) const override;
  // As of core::kHolidaysAnnotation; "" for a binding without holidays.
  const std::string& holidays_of(const core::ObjectKey& binding) const;

 private:
  struct Entry {
    std::unique_ptr<const core::AccessTerms> terms;
    std::shared_ptr<const core::Zone> zone;  // of the first window
    std::string holidays;
    // In which some grant opens it, for whatever pods of the binding; in order, apart from each other.
    std::vector<AccessSpan> granted;
    core::AccessReason without_grant = core::AccessReason::grant_missing;
  };
  Entry make(const core::ObjectKey& binding, const core::Access& access) const;
  void set_grants(const core::ObjectKey& binding, Entry& entry) const;
  std::vector<core::ObjectKey> renew(const core::ObjectKey& binding);
  static core::AccessState granted_at(const Entry& entry, core::Instant at);
  core::Calendars calendars_of(const std::string& ns, const core::Access& access) const;

  const core::ZoneLookup zones_;
  std::map<core::ObjectKey, Entry> entries_;
  std::map<core::ObjectKey, ConfigMapTexts> config_maps_;
  core::GrantBook grants_;
};

// The ConfigMaps that the windows name, of the binding's namespace.
std::set<core::ObjectKey> config_maps_of(const core::ObjectKey& binding, const core::Access& access);

}  // namespace podid::mic
