// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/patch/strategic_merge.hpp"

#include <fmt/format.h>

#include <array>
#include <vector>

#include "lab/apiserver/wire/json_tools.hpp"

namespace podid::lab::apiserver {
namespace {

constexpr std::string_view kDirective = "$patch";
constexpr std::string_view kRetainKeys = "$retainKeys";
constexpr std::string_view kElementOrder = "$setElementOrder/";
constexpr std::string_view kDeletePrimitive = "$deleteFromPrimitiveList/";

// How a list merges: objects by their member `key`, or plain values as a set where the key is empty.
struct ListRule {
  std::string_view kind;  // "*": every kind
  std::string_view path;  // without indices
  std::string_view key;
};

// From the patchStrategy and patchMergeKey tags of k8s.io/api.
constexpr std::array kRules = {
    ListRule{"*", "metadata.finalizers", ""},
    ListRule{"*", "metadata.ownerReferences", "uid"},
    ListRule{"Namespace", "status.conditions", "type"},
    ListRule{"Node", "spec.podCIDRs", ""},
    ListRule{"Node", "status.addresses", "type"},
    ListRule{"Node", "status.conditions", "type"},
    ListRule{"Pod", "spec.containers", "name"},
    ListRule{"Pod", "spec.containers.env", "name"},
    ListRule{"Pod", "spec.containers.ports", "containerPort"},
    ListRule{"Pod", "spec.containers.volumeMounts", "mountPath"},
    ListRule{"Pod", "spec.hostAliases", "ip"},
    ListRule{"Pod", "spec.imagePullSecrets", "name"},
    ListRule{"Pod", "spec.initContainers", "name"},
    ListRule{"Pod", "spec.initContainers.env", "name"},
    ListRule{"Pod", "spec.initContainers.ports", "containerPort"},
    ListRule{"Pod", "spec.initContainers.volumeMounts", "mountPath"},
    ListRule{"Pod", "spec.topologySpreadConstraints", "topologyKey"},
    ListRule{"Pod", "spec.volumes", "name"},
    ListRule{"Pod", "status.conditions", "type"},
    ListRule{"Pod", "status.podIPs", "ip"},
    ListRule{"ServiceAccount", "secrets", "name"},
};

const ListRule* rule_of(std::string_view kind, std::string_view path) {
  if (kind.empty()) return nullptr;
  const auto* found = std::ranges::find_if(
      kRules, [&](const ListRule& r) { return (r.kind == "*" || r.kind == kind) && r.path == path; });
  return found == kRules.end() ? nullptr : found;
}

std::string joined(std::string_view path, std::string_view name) {
  return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
}

// The member of `item` that identifies it (itself where the list holds plain values).
const json::value* identity_of(const json::value& item, std::string_view key) {
  return key.empty() ? &item : find_path(item, {key});
}

json::value* find_item(json::array& list, std::string_view key, const json::value& wanted) {
  for (json::value& item : list) {
    const json::value* identity = identity_of(item, key);
    if (identity != nullptr && same_json(*identity, wanted)) return &item;
  }
  return nullptr;
}

std::size_t position_in(const json::array& order, const json::value& item, std::string_view key) {
  const json::value* identity = identity_of(item, key);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const json::value* wanted = identity_of(order[i], key);
    if (identity != nullptr && wanted != nullptr && same_json(*identity, *wanted)) return i;
  }
  return order.size();
}

// Puts a merged list into order: items that `order` names come in its order, and before the others, but for
// those others that stood in front of them in `before`.
json::array in_order(const json::array& list, std::string_view key, const json::array& order,
                     const json::array& before) {
  std::vector<const json::value*> named(order.size(), nullptr);
  std::vector<const json::value*> others;
  for (const json::value& item : list) {
    const std::size_t at = position_in(order, item, key);
    if (at < order.size()) {
      named[at] = &item;
    } else {
      others.push_back(&item);
    }
  }
  std::erase(named, nullptr);
  const auto old_position = [&](const json::value* item) { return position_in(before, *item, key); };
  json::array out;
  std::size_t next_other = 0;
  for (const json::value* item : named) {
    const std::size_t at = old_position(item);
    while (at < before.size() && next_other < others.size() && old_position(others[next_other]) < at) {
      out.push_back(*others[next_other++]);
    }
    out.push_back(*item);
  }
  for (; next_other < others.size(); ++next_other) out.push_back(*others[next_other]);
  return out;
}

class Merger {
 public:
  // `directives`: whether null removes and members that start with '$' steer, as in a patch; else plain
  // merging.
  Merger(std::string_view kind, bool directives) : kind_(kind), directives_(directives) {}

  Answer<> merge(json::object& target, const json::object& patch, const std::string& path) const {
    if (directives_) {
      if (const json::value* directive = patch.if_contains(kDirective)) {
        if (*directive == "replace") {
          target = patch;
          erase_member(target, kDirective);
          return {};
        }
        if (*directive == "delete") {
          target.clear();
          return {};
        }
        if (*directive != "merge") return std::unexpected(unknown_directive(*directive));
      }
      retain_keys(target, patch);
    }
    const json::object before = directives_ ? ordered_lists(target, patch) : json::object{};
    for (const auto& change : patch) {
      const std::string_view name = change.key();
      if (directives_ && name.starts_with('$')) continue;
      if (directives_ && change.value().is_null()) {
        erase_member(target, name);
        continue;
      }
      auto merged = merge_member(target, name, change.value(), joined(path, name));
      if (!merged) return merged;
    }
    if (directives_) apply_list_directives(target, patch, path, before);
    return {};
  }

 private:
  static ApiStatus unknown_directive(const json::value& directive) {
    return bad_request(fmt::format("unknown patch type: {}", shown_value(directive)));
  }

  static void retain_keys(json::object& target, const json::object& patch) {
    const json::value* keep = patch.if_contains(kRetainKeys);
    if (keep == nullptr || !keep->is_array()) return;
    std::vector<std::string> drop;
    for (const auto& member : target) {
      if (std::ranges::find(keep->get_array(), json::value(member.key())) == keep->get_array().end()) {
        drop.emplace_back(member.key());
      }
    }
    for (const std::string& name : drop) erase_member(target, name);
  }

  Answer<> merge_member(json::object& target, std::string_view name, const json::value& change,
                        const std::string& path) const {
    json::value& member = target[name];
    if (change.is_object()) {
      if (!member.is_object()) member.emplace_object();
      return merge(member.get_object(), change.get_object(), path);
    }
    const ListRule* rule = change.is_array() ? rule_of(kind_, path) : nullptr;
    if (rule == nullptr) {
      member = change;
      return {};
    }
    if (!member.is_array()) member.emplace_array();
    return merge_list(member.get_array(), change.get_array(), rule->key, path);
  }

  // The lists that the patch gives an order for, as they are before it.
  static json::object ordered_lists(const json::object& target, const json::object& patch) {
    json::object out;
    for (const auto& change : patch) {
      const std::string_view name = change.key();
      if (!name.starts_with(kElementOrder)) continue;
      const json::value* list = target.if_contains(name.substr(kElementOrder.size()));
      if (list != nullptr && list->is_array()) out[name] = *list;
    }
    return out;
  }

  Answer<> merge_list(json::array& target, const json::array& patch, std::string_view key,
                      const std::string& path) const {
    if (directives_ && has_replace(patch)) {
      target.clear();
      for (const json::value& item : patch) {
        if (item.is_object() && item.get_object().contains(kDirective)) continue;
        target.push_back(item);
      }
      return {};
    }
    const json::array before = target;
    json::array order;
    for (const json::value& item : patch) {
      if (find_path(item, {kDirective}) == nullptr) order.push_back(item);
      if (key.empty()) {
        if (find_item(target, key, item) == nullptr) target.push_back(item);
        continue;
      }
      const json::value* identity = identity_of(item, key);
      if (identity == nullptr) {
        return std::unexpected(
            bad_request(fmt::format("map: {} does not contain declared merge key: {}", json::serialize(item), key)));
      }
      auto merged = merge_item(target, item.get_object(), key, *identity, path);
      if (!merged) return merged;
    }
    target = in_order(target, key, order, before);
    return {};
  }

  Answer<> merge_item(json::array& target, const json::object& item, std::string_view key, const json::value& identity,
                      const std::string& path) const {
    json::value* existing = find_item(target, key, identity);
    const json::value* directive = directives_ ? item.if_contains(kDirective) : nullptr;
    if (directive != nullptr && *directive == "delete") {
      if (existing != nullptr) target.erase(target.begin() + (existing - target.data()));
      return {};
    }
    if (existing == nullptr) {
      target.emplace_back(json::object{});
      existing = &target.back();
    }
    return merge(existing->get_object(), item, path);
  }

  static bool has_replace(const json::array& patch) {
    return std::ranges::any_of(patch, [](const json::value& item) {
      const json::value* directive = find_path(item, {kDirective});
      return directive != nullptr && *directive == "replace";
    });
  }

  void apply_list_directives(json::object& target, const json::object& patch, const std::string& path,
                             const json::object& before) const {
    for (const auto& change : patch) {
      const std::string_view name = change.key();
      if (!change.value().is_array()) continue;
      const json::array& values = change.value().get_array();
      if (name.starts_with(kDeletePrimitive)) {
        json::value* list = target.if_contains(name.substr(kDeletePrimitive.size()));
        if (list == nullptr || !list->is_array()) continue;
        for (const json::value& value : values) {
          json::array& items = list->get_array();
          if (json::value* item = find_item(items, "", value)) items.erase(items.begin() + (item - items.data()));
        }
      } else if (name.starts_with(kElementOrder)) {
        const std::string_view list_name = name.substr(kElementOrder.size());
        json::value* list = target.if_contains(list_name);
        const ListRule* rule = rule_of(kind_, joined(path, list_name));
        if (list == nullptr || !list->is_array() || rule == nullptr) continue;
        const json::value* old_list = before.if_contains(name);
        *list =
            in_order(list->get_array(), rule->key, values, old_list == nullptr ? json::array{} : old_list->get_array());
      }
    }
  }

  std::string_view kind_;
  bool directives_;
};

Answer<json::value> merged(const Merger& merger, json::value document, const json::value& change) {
  if (!change.is_object()) return std::unexpected(bad_request("a patch is an object"));
  if (!document.is_object()) document.emplace_object();
  auto done = merger.merge(document.get_object(), change.get_object(), "");
  if (!done) return std::unexpected(std::move(done.error()));
  return document;
}

}  // namespace

Answer<json::value> apply_strategic_merge(std::string_view kind, json::value document, const json::value& patch) {
  return merged(Merger(kind, true), std::move(document), patch);
}

Answer<json::value> apply_configuration(std::string_view kind, json::value document, const json::value& applied) {
  return merged(Merger(kind, false), std::move(document), applied);
}

}  // namespace podid::lab::apiserver
