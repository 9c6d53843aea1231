// SPDX-License-Identifier: Apache-2.0
// The verbs on objects, without HTTP: create, update, patch, delete and their rules.
#pragma once
#include <boost/json.hpp>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "lab/apiserver/objects/kind_rules.hpp"
#include "lab/apiserver/objects/object_shape.hpp"
#include "lab/apiserver/schema/registry.hpp"
#include "lab/apiserver/store/store.hpp"
#include "lab/apiserver/wire/api_status.hpp"
#include "lab/apiserver/wire/limits.hpp"

namespace podid::lab::apiserver {

enum class PatchType { json, merge, strategic, apply };

// Which object a request is about.
struct Target {
  ResourcePtr resource;
  std::string ns;    // "" for cluster-scoped resources
  std::string name;  // "" for a create
  Subresource subresource = Subresource::none;
};

struct WriteOptions {
  bool dry_run = false;
  FieldValidation field_validation = FieldValidation::warn;
};

struct Written {
  ObjectPtr object;
  bool created = false;
  std::vector<std::string> warnings = {};
};

struct DeleteOptions {
  bool dry_run = false;
  std::optional<std::string> uid = {};  // preconditions
  std::optional<std::string> resource_version = {};
};

struct Removed {
  ObjectPtr object;  // as it was removed, or as it now waits for its finalizers
  bool gone = false;
};

// Belongs to one thread. Writes happen in the store at once; namespaces and CRDs that are being deleted lose
// their contents in the same call, after the call's own result has been made.
class ObjectService {
 public:
  ObjectService(Store& store, Registry& registry, base::Clock& clock, base::Random& random, const Limits& limits);

  // After the store was loaded: makes the namespaces that every cluster has, serves the CRDs that are stored
  // and takes up deletions that were under way.
  void start();

  Answer<ObjectPtr> get(const Target& target) const;
  Answer<Written> create(const Target& target, boost::json::value body, const WriteOptions& options);
  Answer<Written> update(const Target& target, boost::json::value body, const WriteOptions& options);
  Answer<Written> patch(const Target& target, PatchType type, const boost::json::value& patch,
                        const WriteOptions& options);
  Answer<Removed> remove(const Target& target, const DeleteOptions& options);
  // The pods/binding subresource: sets spec.nodeName of a pod that has none.
  Answer<> bind_pod(const Target& target, std::string_view node);

 private:
  Answer<> check_new_content_allowed(const Target& target) const;
  Answer<Written> write_event(const Target& target, const ObjectPtr& existing, boost::json::value body,
                              const WriteOptions& options);
  void assign_name(boost::json::object& metadata);
  void set_new_metadata(const Resource& resource, boost::json::object& metadata);
  Answer<Written> change(const Target& target, const ObjectPtr& existing, ShapedObject shaped,
                         const WriteOptions& options);
  Answer<> check_preconditions(const Target& target, const ObjectPtr& existing,
                               const boost::json::object& metadata) const;
  Answer<> check_size(const Resource& resource, const boost::json::value& object) const;
  Answer<boost::json::value> patched(const Target& target, PatchType type, boost::json::value document,
                                     const boost::json::value& patch) const;
  ObjectPtr put(const Target& target, boost::json::value object, bool dry_run);
  ObjectPtr mark_ending(const Target& target, const ObjectPtr& existing, bool dry_run);
  void after_write(const Target& target, const ObjectPtr& object);
  void finish_removals();
  bool empty_namespace(const std::string& name);
  bool remove_contents(const ResourcePtr& resource, std::string_view ns);
  std::string now() const;

  Store& store_;
  Registry& registry_;
  base::Clock& clock_;
  base::Random& random_;
  const Limits& limits_;
  std::set<std::string> ending_namespaces_;
  std::set<std::string> ending_crds_;
  bool finishing_removals_ = false;
};

}  // namespace podid::lab::apiserver
