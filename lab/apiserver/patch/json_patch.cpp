// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/patch/json_patch.hpp"

#include <fmt/format.h>

#include <optional>
#include <vector>

#include "base/text.hpp"
#include "lab/apiserver/wire/json_tools.hpp"

namespace podid::lab::apiserver {
namespace {

using Path = std::vector<std::string>;

// RFC 6901; nothing for a pointer that does not start with '/' or has a bad escape.
std::optional<Path> parse_pointer(std::string_view text) {
  Path path;
  if (text.empty()) return path;
  if (text.front() != '/') return std::nullopt;
  for (const std::string_view step : base::split(text.substr(1), '/')) {
    std::string plain;
    for (std::size_t i = 0; i < step.size(); ++i) {
      if (step[i] != '~') {
        plain += step[i];
        continue;
      }
      if (i + 1 == step.size() || (step[i + 1] != '0' && step[i + 1] != '1')) return std::nullopt;
      plain += step[++i] == '0' ? '~' : '/';
    }
    path.push_back(std::move(plain));
  }
  return path;
}

std::optional<std::size_t> array_index(std::string_view step, std::size_t end) {
  if (step.size() > 1 && step.front() == '0') return std::nullopt;
  const auto index = base::parse_number<std::size_t>(step);
  return index && *index < end ? index : std::nullopt;
}

json::value* member(json::value& parent, const std::string& step) {
  if (json::object* object = parent.if_object()) return object->if_contains(step);
  if (json::array* array = parent.if_array()) {
    const auto index = array_index(step, array->size());
    return index ? &(*array)[*index] : nullptr;
  }
  return nullptr;
}

json::value* resolve(json::value& document, const Path& path, std::size_t steps) {
  json::value* at = &document;
  for (std::size_t i = 0; i < steps && at != nullptr; ++i) at = member(*at, path[i]);
  return at;
}

json::value* resolve(json::value& document, const Path& path) { return resolve(document, path, path.size()); }

bool add(json::value& document, const Path& path, json::value value) {
  if (path.empty()) {
    document = std::move(value);
    return true;
  }
  json::value* parent = resolve(document, path, path.size() - 1);
  if (parent == nullptr) return false;
  if (json::object* object = parent->if_object()) {
    (*object)[path.back()] = std::move(value);
    return true;
  }
  json::array* array = parent->if_array();
  if (array == nullptr) return false;
  if (path.back() == "-") {
    array->push_back(std::move(value));
    return true;
  }
  const auto index = array_index(path.back(), array->size() + 1);
  if (!index) return false;
  array->insert(array->begin() + *index, std::move(value));
  return true;
}

bool remove(json::value& document, const Path& path) {
  if (path.empty() || resolve(document, path) == nullptr) return false;
  json::value* parent = resolve(document, path, path.size() - 1);
  if (json::object* object = parent->if_object()) {
    erase_member(*object, path.back());
  } else {
    json::array& array = parent->get_array();
    array.erase(array.begin() + *array_index(path.back(), array.size()));
  }
  return true;
}

// One operation; false when it does not apply.
bool apply_operation(json::value& document, std::string_view op, const Path& path, const Path& from,
                     const json::value* value) {
  if (op == "add") return add(document, path, *value);
  if (op == "remove") return remove(document, path);
  if (op == "replace") {
    if (json::value* target = resolve(document, path)) {
      *target = *value;
      return true;
    }
    // As the real server's library has it, a missing member of an object that is there is added.
    const json::value* parent = path.empty() ? nullptr : resolve(document, path, path.size() - 1);
    return parent != nullptr && parent->is_object() && add(document, path, *value);
  }
  if (op == "test") {
    const json::value* target = resolve(document, path);
    // For the same library, a missing member equals null.
    return target == nullptr ? value->is_null() : same_json(*target, *value);
  }
  const json::value* source = resolve(document, from);
  if (source == nullptr) return false;
  json::value moved = *source;
  if (op == "move" && !remove(document, from)) return false;
  return add(document, path, std::move(moved));
}

}  // namespace

Answer<json::value> apply_json_patch(json::value document, const json::value& patch, std::size_t max_operations) {
  const json::array* operations = patch.if_array();
  if (operations == nullptr) {
    return std::unexpected(bad_request("error decoding patch: a JSON patch is an array of operations"));
  }
  if (operations->size() > max_operations) {
    return std::unexpected(too_large(fmt::format("The allowed maximum operations in a JSON patch is {}, got {}",
                                                 max_operations, operations->size())));
  }
  for (const json::value& operation : *operations) {
    const std::string_view op = text_at(operation, {"op"});
    const bool moves = op == "move" || op == "copy";
    const bool takes_value = op == "add" || op == "replace" || op == "test";
    if (!moves && !takes_value && op != "remove") return std::unexpected(unprocessable());
    const json::value* path_text = find_path(operation, {"path"});
    if (path_text == nullptr || !path_text->is_string()) return std::unexpected(unprocessable());
    const auto path = parse_pointer(text_at(operation, {"path"}));
    const auto from = parse_pointer(text_at(operation, {"from"}));
    const json::value* value = find_path(operation, {"value"});
    static const json::value null;
    if (takes_value && value == nullptr) value = &null;
    if (!path || !from || !apply_operation(document, op, *path, *from, value)) return std::unexpected(unprocessable());
  }
  return document;
}

json::value apply_merge_patch(json::value document, const json::value& patch) {
  const json::object* changes = patch.if_object();
  if (changes == nullptr) return patch;
  if (!document.is_object()) document.emplace_object();
  json::object& target = document.get_object();
  for (const auto& change : *changes) {
    if (change.value().is_null()) {
      erase_member(target, change.key());
      continue;
    }
    json::value& member_value = target[change.key()];
    member_value = apply_merge_patch(std::move(member_value), change.value());
  }
  return document;
}

}  // namespace podid::lab::apiserver
