// SPDX-License-Identifier: Apache-2.0
// What the server knows about a resource (an endpoint that holds objects of one kind). Values; pure.
#pragma once
#include <boost/json.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/apiserver/wire/api_status.hpp"
#include "lab/apiserver/wire/json_path.hpp"

namespace podid::lab::apiserver {

// A printer column of a custom resource.
struct PrinterColumn {
  std::string name;
  std::string type;
  std::string format = {};
  std::string description = {};
  int priority = 0;
  JsonPath path;
};

struct Resource {
  std::string group;  // "" for core
  std::string version;
  std::string plural;
  std::string singular;
  std::string kind;
  std::string list_kind;
  bool namespaced = true;
  std::vector<std::string> short_names = {};
  std::vector<std::string> categories = {};
  bool custom = false;  // defined by a CRD
  bool stored = true;   // false: an access review, which is answered and forgotten
  bool status_subresource = false;
  bool unconditional_update = true;  // PUT without resourceVersion
  bool create_on_update = false;     // PUT of an object that is not there
  bool counts_generation = false;
  std::vector<std::string> selectable_fields = {};  // beside metadata.name and metadata.namespace
  std::string deprecation = {};                     // text of a Warning on every answer
  std::string shares_bucket = {};           // of the resource of which this one is another form (event_forms.hpp)
  boost::json::value schema = {};           // structural; null: anything goes
  std::vector<PrinterColumn> columns = {};  // of custom resources

  std::string api_version() const { return group.empty() ? version : group + "/" + version; }
  // Where the store keeps the objects: "pods", "leases.coordination.k8s.io". The CRD's name for custom
  // resources.
  std::string bucket() const {
    if (!shares_bucket.empty()) return shares_bucket;
    return group.empty() ? plural : plural + "." + group;
  }
  Subject subject() const { return {.group = group, .plural = plural, .kind = kind}; }
};

using ResourcePtr = std::shared_ptr<const Resource>;

// Bytes of a canonical object's text before its metadata: `{"apiVersion":"v1","kind":"Pod",`. Items of
// built-in lists go without that part, as the real server writes them.
std::size_t type_prefix_length(const Resource& resource);

}  // namespace podid::lab::apiserver
