// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/objects/object_service.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "base/time_text.hpp"
#include "lab/apiserver/objects/kind_rules.hpp"
#include "lab/apiserver/patch/json_patch.hpp"
#include "lab/apiserver/patch/strategic_merge.hpp"
#include "lab/apiserver/schema/crd.hpp"
#include "lab/apiserver/schema/event_forms.hpp"
#include "lab/apiserver/schema/structural_schema.hpp"
#include "lab/apiserver/wire/json_tools.hpp"
#include "lab/apiserver/wire/object_parts.hpp"

namespace podid::lab::apiserver {
namespace {

constexpr std::size_t kMaxGeneratedBase = 58;
constexpr std::size_t kGeneratedSuffix = 5;

std::string_view text_of(const json::object& metadata, std::string_view name) { return text_at(metadata, {name}); }

// What counts for metadata.generation.
json::value counted_part(const Resource& resource, const json::value& object) {
  json::value part = object;
  json::object& members = part.get_object();
  erase_member(members, "metadata");
  if (resource.status_subresource) erase_member(members, "status");
  return part;
}

// Nothing follows from admission policies here, so nobody needs to wait until they act, as the daemons do (core/access).
std::chrono::seconds age_when_made(const Resource& resource) {
  return std::chrono::seconds(resource.group == "admissionregistration.k8s.io" ? 3600 : 0);
}

bool same_but_revision(const json::value& before, const json::value& after) {
  json::value copy = after;
  copy_member(before.get_object().at("metadata").get_object(), metadata_of(copy), "resourceVersion");
  return same_json(before, copy);
}

}  // namespace

ObjectService::ObjectService(Store& store, Registry& registry, base::Clock& clock, base::Random& random,
                             const Limits& limits)
    : store_(store), registry_(registry), clock_(clock), random_(random), limits_(limits) {}

std::string ObjectService::now() const { return base::format_rfc3339(clock_.wall_now()); }

void ObjectService::start() {
  for (const auto& [key, crd] : store_.objects(kCrds)) {
    if (ResourcePtr resource = resource_of_crd(crd->value())) registry_.install(std::move(resource));
    if (is_ending(crd->value())) ending_crds_.insert(crd->name());
  }
  for (const auto& [key, ns] : store_.objects(kNamespaces)) {
    if (is_ending(ns->value())) ending_namespaces_.insert(ns->name());
  }
  for (const std::string_view name : {"default", "kube-node-lease", "kube-public", "kube-system"}) {
    const Target target{.resource = registry_.find_bucket(kNamespaces), .ns = "", .name = ""};
    if (store_.find(kNamespaces, "", name) != nullptr) continue;
    json::value body = json::object{{"metadata", json::object{{"name", name}}}};
    static_cast<void>(create(target, std::move(body), {}));  // of a name that was not there
  }
  finish_removals();
}

Answer<ObjectPtr> ObjectService::get(const Target& target) const {
  ObjectPtr object = store_.find(target.resource->bucket(), target.ns, target.name);
  if (object == nullptr) return std::unexpected(not_found(target.resource->subject(), target.name));
  return object;
}

Answer<> ObjectService::check_new_content_allowed(const Target& target) const {
  const Resource& resource = *target.resource;
  if (resource.custom && ending_crds_.contains(resource.bucket())) {
    ApiStatus refusal = method_not_allowed();
    refusal.message = "create not allowed while custom resource definition is terminating";
    return std::unexpected(std::move(refusal));
  }
  if (resource.namespaced) {
    const ObjectPtr ns = store_.find(kNamespaces, "", target.ns);
    if (ns == nullptr) {
      return std::unexpected(not_found({.group = "", .plural = "namespaces", .kind = "Namespace"}, target.ns));
    }
    if (is_ending(ns->value())) {
      ApiStatus refusal = forbidden(
          resource.subject(), target.name,
          fmt::format("unable to create new content in namespace {} because it is being terminated", target.ns));
      refusal.causes = {{.reason = "NamespaceTerminating",
                         .message = fmt::format("namespace {} is being terminated", target.ns),
                         .field = "metadata.namespace"}};
      return std::unexpected(std::move(refusal));
    }
  }
  if (store_.size() >= limits_.max_objects) {
    return std::unexpected(internal_error("etcdserver: mvcc: database space exceeded"));
  }
  return {};
}

void ObjectService::assign_name(json::object& metadata) {
  if (!text_of(metadata, "name").empty() || text_of(metadata, "generateName").empty()) return;
  // The alphabet of the real server: no vowels, no look-alikes.
  constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";
  std::string name(text_of(metadata, "generateName").substr(0, kMaxGeneratedBase));
  for (std::size_t i = 0; i < kGeneratedSuffix; ++i) name += kAlphabet[random_.next() % kAlphabet.size()];
  metadata["name"] = name;
}

void ObjectService::set_new_metadata(const Resource& resource, json::object& metadata) {
  for (const std::string_view name :
       {"deletionTimestamp", "deletionGracePeriodSeconds", "resourceVersion", "generation"}) {
    erase_member(metadata, name);
  }
  metadata["uid"] = random_.uuid();
  metadata["creationTimestamp"] = base::format_rfc3339(clock_.wall_now() - age_when_made(resource));
  if (resource.counts_generation) metadata["generation"] = 1;
}

Answer<> ObjectService::check_size(const Resource& resource, const json::value& object) const {
  const std::size_t bytes = json::serialize(object).size();
  if (bytes <= limits_.max_object_bytes) return {};
  return std::unexpected(too_large(
      fmt::format("{}: the object has {} bytes, more than {}", resource.plural, bytes, limits_.max_object_bytes)));
}

// Of a form that is not the stored one: shaped and checked as such, then written in the stored form.
Answer<Written> ObjectService::write_event(const Target& target, const ObjectPtr& existing, json::value body,
                                           const WriteOptions& options) {
  const Resource& resource = *target.resource;
  auto shaped = shape_object(resource, target.ns, std::move(body), options.field_validation);
  if (!shaped) return std::unexpected(std::move(shaped.error()));
  json::value event = std::move(shaped->object);
  std::vector<StatusCause> causes;
  validate_new_event(event, causes);
  if (existing != nullptr) validate_event_change(from_core_event(existing->value()), event, causes);
  if (!causes.empty()) {
    return std::unexpected(invalid(resource.subject(), text_at(event, {"metadata", "name"}), std::move(causes)));
  }
  Target stored = target;
  stored.resource = registry_.find_bucket(resource.bucket());
  event = to_core_event(std::move(event));
  auto written =
      existing == nullptr ? create(stored, std::move(event), options) : update(stored, std::move(event), options);
  if (written) written->warnings = std::move(shaped->warnings);
  return written;
}

Answer<Written> ObjectService::create(const Target& target, json::value body, const WriteOptions& options) {
  const Resource& resource = *target.resource;
  if (!resource.shares_bucket.empty()) return write_event(target, nullptr, std::move(body), options);
  auto shaped = shape_object(resource, target.ns, std::move(body), options.field_validation);
  if (!shaped) return std::unexpected(std::move(shaped.error()));
  json::value object = std::move(shaped->object);
  json::object& metadata = metadata_of(object);
  auto allowed = check_new_content_allowed({target.resource, target.ns, std::string(text_of(metadata, "name"))});
  if (!allowed) return std::unexpected(std::move(allowed.error()));
  const std::string_view revision = text_of(metadata, "resourceVersion");
  if (!revision.empty() && revision != "0") {
    return std::unexpected(internal_error("resourceVersion should not be set on objects to be created"));
  }
  assign_name(metadata);
  set_new_metadata(resource, metadata);
  prepare_create(resource, object.get_object());
  set_kind_defaults(resource, object.get_object());
  if (resource.schema.is_object()) apply_defaults(object, resource.schema);
  auto valid = validate_object(resource, object);
  if (!valid) return std::unexpected(std::move(valid.error()));
  auto fits = check_size(resource, object);
  if (!fits) return std::unexpected(std::move(fits.error()));

  Target made = target;
  made.name = std::string(text_of(metadata_of(object), "name"));
  if (store_.find(resource.bucket(), made.ns, made.name) != nullptr) {
    return std::unexpected(already_exists(resource.subject(), made.name));
  }
  Written out{.object = put(made, std::move(object), options.dry_run),
              .created = true,
              .warnings = std::move(shaped->warnings)};
  if (!options.dry_run) after_write(made, out.object);
  return out;
}

Answer<> ObjectService::check_preconditions(const Target& target, const ObjectPtr& existing,
                                            const json::object& metadata) const {
  const Resource& resource = *target.resource;
  const std::string_view revision = text_of(metadata, "resourceVersion");
  if (revision.empty() || revision == "0") {
    if (!resource.unconditional_update) {
      Subject subject = resource.subject();
      subject.kind = resource.plural;  // the real server names the resource here, not the kind
      return std::unexpected(invalid(
          subject, target.name, {invalid_value("metadata.resourceVersion", "0", "must be specified for an update")}));
    }
  } else if (!base::parse_number<std::uint64_t>(revision)) {
    return std::unexpected(
        internal_error(fmt::format("strconv.ParseUint: parsing {}: invalid syntax", base::go_quote(revision))));
  } else if (revision != std::to_string(existing->revision())) {
    return std::unexpected(modified_conflict(resource.subject(), target.name));
  }
  const std::string_view uid = text_of(metadata, "uid");
  if (!uid.empty() && uid != existing->uid()) {
    return std::unexpected(conflict(
        resource.subject(), target.name,
        fmt::format("Precondition failed: UID in precondition: {}, UID in object meta: {}", uid, existing->uid())));
  }
  return {};
}

Answer<Written> ObjectService::update(const Target& target, json::value body, const WriteOptions& options) {
  const Resource& resource = *target.resource;
  if (!resource.shares_bucket.empty()) {
    Target made = target;
    const ObjectPtr existing = store_.find(resource.bucket(), target.ns, target.name);
    if (existing == nullptr) made.name.clear();
    return write_event(made, existing, std::move(body), options);
  }
  auto shaped = shape_object(resource, target.ns, std::move(body), options.field_validation);
  if (!shaped) return std::unexpected(std::move(shaped.error()));
  const json::object& metadata = shaped->object.at("metadata").get_object();
  const std::string_view name = text_of(metadata, "name");
  if (name.empty()) {
    return std::unexpected(bad_request(fmt::format(
        "the name of the object ({} based on URL) was undeterminable: name must be provided", target.name)));
  }
  if (name != target.name) {
    return std::unexpected(bad_request(
        fmt::format("the name of the object ({}) does not match the name on the URL ({})", name, target.name)));
  }
  const ObjectPtr existing = store_.find(resource.bucket(), target.ns, target.name);
  if (existing == nullptr) {
    if (!resource.create_on_update || target.subresource != Subresource::none) {
      return std::unexpected(not_found(resource.subject(), target.name));
    }
    Target made = target;
    made.name.clear();
    erase_member(shaped->object["metadata"].get_object(), "resourceVersion");
    return create(made, std::move(shaped->object), options);
  }
  auto wanted = check_preconditions(target, existing, metadata);
  if (!wanted) return std::unexpected(std::move(wanted.error()));
  return change(target, existing, std::move(*shaped), options);
}

Answer<Written> ObjectService::change(const Target& target, const ObjectPtr& existing, ShapedObject shaped,
                                      const WriteOptions& options) {
  const Resource& resource = *target.resource;
  const json::value& before = existing->value();
  const json::object& before_metadata = before.get_object().at("metadata").get_object();
  json::value after = std::move(shaped.object);
  keep_protected_parts(resource, before.get_object(), after.get_object(), target.subresource);
  json::object& metadata = metadata_of(after);
  for (const std::string_view name : {"uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
                                      "generation", "generateName", "resourceVersion"}) {
    copy_member(before_metadata, metadata, name);
  }
  set_kind_defaults(resource, after.get_object());
  if (resource.schema.is_object()) apply_defaults(after, resource.schema);
  if (target.subresource == Subresource::none && resource.counts_generation &&
      !same_json(counted_part(resource, before), counted_part(resource, after))) {
    add_generation(metadata);
  }
  auto valid = validate_object(resource, after);
  if (!valid) return std::unexpected(std::move(valid.error()));
  std::vector<StatusCause> causes;
  validate_kind_update(resource, before, after, causes);
  if (is_ending(before)) {
    std::string added;
    const json::value* old_list = before_metadata.if_contains("finalizers");
    if (const json::value* list = metadata.if_contains("finalizers")) {
      for (const json::value& item : list->get_array()) {
        const bool known =
            old_list != nullptr && std::ranges::find(old_list->get_array(), item) != old_list->get_array().end();
        if (!known) added += (added.empty() ? "" : ", ") + shown_value(item);
      }
    }
    if (!added.empty()) {
      causes.push_back(forbidden_value(
          "metadata.finalizers",
          fmt::format(
              "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
              added)));
    }
  }
  if (!causes.empty()) return std::unexpected(invalid(resource.subject(), target.name, std::move(causes)));
  if (same_but_revision(before, after)) return Written{.object = existing, .warnings = std::move(shaped.warnings)};
  auto fits = check_size(resource, after);
  if (!fits) return std::unexpected(std::move(fits.error()));

  const bool is_container = resource.bucket() == kNamespaces || resource.bucket() == kCrds;
  if (is_ending(after) && !has_finalizers(after) && !is_container) {
    // The last finalizer went: the object goes, as it was, and the answer shows it without the finalizer.
    Written out{
        .object = std::make_shared<const StoredObject>(target.ns, target.name, existing->revision(), std::move(after)),
        .warnings = std::move(shaped.warnings)};
    if (!options.dry_run) {
      store_.remove(resource.bucket(), target.ns, target.name);
      finish_removals();
    }
    return out;
  }
  Written out{.object = put(target, std::move(after), options.dry_run), .warnings = std::move(shaped.warnings)};
  if (!options.dry_run) after_write(target, out.object);
  return out;
}

Answer<json::value> ObjectService::patched(const Target& target, PatchType type, json::value document,
                                           const json::value& patch) const {
  const Resource& resource = *target.resource;
  switch (type) {
    case PatchType::json:
      return apply_json_patch(std::move(document), patch, limits_.max_patch_operations);
    case PatchType::merge:
      if (!patch.is_object()) return std::unexpected(bad_request("a merge patch is an object"));
      return apply_merge_patch(std::move(document), patch);
    case PatchType::strategic:
      return apply_strategic_merge(resource.kind, std::move(document), patch);
    case PatchType::apply: {
      const std::string_view kind = resource.custom ? std::string_view{} : std::string_view(resource.kind);
      return apply_configuration(kind, std::move(document), patch);
    }
  }
  return document;
}

Answer<Written> ObjectService::patch(const Target& target, PatchType type, const json::value& patch,
                                     const WriteOptions& options) {
  const Resource& resource = *target.resource;
  const ObjectPtr existing = store_.find(resource.bucket(), target.ns, target.name);
  if (existing == nullptr) {
    if (type != PatchType::apply || target.subresource != Subresource::none) {
      return std::unexpected(not_found(resource.subject(), target.name));
    }
    Target made = target;
    made.name.clear();
    return create(made, patch, options);
  }
  if (type == PatchType::strategic && resource.custom) {
    return std::unexpected(unsupported_media_type(
        "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"));
  }
  json::value before = existing->value();
  if (!resource.shares_bucket.empty()) before = from_core_event(std::move(before));
  auto document = patched(target, type, std::move(before), patch);
  if (!document) return std::unexpected(std::move(document.error()));
  // A patch that names no resourceVersion cannot conflict: nothing else writes between reading and writing.
  if (json::value* metadata = find_path(*document, {"metadata"}); metadata != nullptr && metadata->is_object()) {
    if (text_of(metadata->get_object(), "resourceVersion").empty()) {
      metadata->get_object()["resourceVersion"] = std::to_string(existing->revision());
    }
  }
  return update(target, std::move(*document), options);
}

Answer<> ObjectService::bind_pod(const Target& target, std::string_view node) {
  const auto existing = get(target);
  if (!existing) return std::unexpected(existing.error());
  const Subject subject = target.resource->subject();
  if (node.empty()) return std::unexpected(invalid(subject, target.name, {required_value("target.name")}));
  json::value pod = (*existing)->value();
  const std::string_view bound = text_at(pod, {"spec", "nodeName"});
  if (!bound.empty()) {
    return std::unexpected(conflict({.group = "", .plural = "pods/binding", .kind = "Binding"}, target.name,
                                    fmt::format("pod {} is already assigned to node \"{}\"", target.name, bound)));
  }
  object_at(pod.get_object(), "spec")["nodeName"] = node;
  json::value& conditions = object_at(pod.get_object(), "status")["conditions"];
  if (!conditions.is_array()) conditions.emplace_array();
  conditions.get_array().push_back(
      json::object{{"type", "PodScheduled"}, {"status", "True"}, {"lastTransitionTime", now()}});
  store_.put(target.resource->bucket(), target.ns, target.name, std::move(pod));
  return {};
}

ObjectPtr ObjectService::put(const Target& target, json::value object, bool dry_run) {
  if (dry_run) return std::make_shared<const StoredObject>(target.ns, target.name, 0, std::move(object));
  return store_.put(target.resource->bucket(), target.ns, target.name, std::move(object));
}

// A stored CRD takes effect: its resource is served, and its status says so in a write of its own.
void ObjectService::after_write(const Target& target, const ObjectPtr& object) {
  if (target.resource->bucket() == kCrds && !is_ending(object->value())) {
    if (ResourcePtr resource = resource_of_crd(object->value())) {
      registry_.install(std::move(resource));
    } else {
      registry_.uninstall(object->name());
    }
    json::value established = object->value();
    establish_crd(established.get_object(), now());
    if (!same_json(established, object->value())) store_.put(kCrds, "", object->name(), std::move(established));
  }
  finish_removals();
}

}  // namespace podid::lab::apiserver
