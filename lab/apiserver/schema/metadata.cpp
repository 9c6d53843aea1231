// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/schema/metadata.hpp"

#include <fmt/format.h>

#include <array>

#include "base/text.hpp"
#include "base/time_text.hpp"
#include "lab/apiserver/wire/json_tools.hpp"

namespace podid::lab::apiserver {
namespace {

constexpr std::size_t kMaxNamePart = 63;
constexpr std::size_t kMaxSubdomain = 253;
constexpr std::size_t kMaxAnnotationBytes = 256 * 1024;

bool is_lower_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_alnum(char c) { return is_lower_alnum(c) || (c >= 'A' && c <= 'Z'); }

bool is_dns_label(std::string_view text) {
  if (text.empty() || !is_lower_alnum(text.front()) || !is_lower_alnum(text.back())) return false;
  return std::ranges::all_of(text, [](char c) { return is_lower_alnum(c) || c == '-'; });
}

bool is_name_part(std::string_view text) {
  if (text.empty() || !is_alnum(text.front()) || !is_alnum(text.back())) return false;
  return std::ranges::all_of(text, [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; });
}

std::string too_long_text(std::size_t max) { return fmt::format("must be no more than {} bytes", max); }

constexpr std::string_view kNamePartText =
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

enum class Shape { text, integer, time, text_map, text_list, object_list, dropped };

struct Member {
  std::string_view name;
  Shape shape;
};

constexpr std::array kMembers = {
    Member{"name", Shape::text},
    Member{"generateName", Shape::text},
    Member{"namespace", Shape::text},
    Member{"selfLink", Shape::dropped},
    Member{"uid", Shape::text},
    Member{"resourceVersion", Shape::text},
    Member{"generation", Shape::integer},
    Member{"creationTimestamp", Shape::time},
    Member{"deletionTimestamp", Shape::time},
    Member{"deletionGracePeriodSeconds", Shape::integer},
    Member{"labels", Shape::text_map},
    Member{"annotations", Shape::text_map},
    Member{"ownerReferences", Shape::object_list},
    Member{"finalizers", Shape::text_list},
    Member{"managedFields", Shape::dropped},
};

// As Go's decoder names a JSON type.
std::string_view go_type(const json::value& value) {
  if (value.is_bool()) return "bool";
  return value.is_number() ? "number" : type_name(value);
}

ApiStatus wrong_type(std::string_view path, const json::value& value, std::string_view expected) {
  return bad_request(fmt::format("json: cannot unmarshal {} into Go struct field ObjectMeta.{} of type {}",
                                 go_type(value), path, expected));
}

Answer<> shape_member(json::value& value, Shape shape, const std::string& path) {
  switch (shape) {
    case Shape::text:
      if (!value.is_string()) return std::unexpected(wrong_type(path, value, "string"));
      break;
    case Shape::integer:
      if (!as_integer(value)) return std::unexpected(wrong_type(path, value, "int64"));
      break;
    case Shape::time:
      if (!value.is_string()) return std::unexpected(wrong_type(path, value, "string"));
      if (!base::parse_rfc3339(std::string_view(value.get_string()))) {
        return std::unexpected(bad_request(fmt::format(
            "parsing time {} as \"2006-01-02T15:04:05Z07:00\": cannot parse it ({})", shown_value(value), path)));
      }
      break;
    case Shape::text_map:
      if (!value.is_object()) return std::unexpected(wrong_type(path, value, "map[string]string"));
      for (auto& member : value.get_object()) {
        if (member.value().is_null()) member.value() = "";
        if (!member.value().is_string()) return std::unexpected(wrong_type(path, member.value(), "string"));
      }
      break;
    case Shape::text_list:
    case Shape::object_list:
      if (!value.is_array()) return std::unexpected(wrong_type(path, value, "[]string"));
      for (const json::value& item : value.get_array()) {
        const bool fits = shape == Shape::text_list ? item.is_string() : item.is_object();
        if (!fits)
          return std::unexpected(wrong_type(path, item, shape == Shape::text_list ? "string" : "OwnerReference"));
      }
      break;
    case Shape::dropped:
      break;
  }
  return {};
}

// A list or map without content is what a Go encoder leaves out.
bool is_empty_collection(const json::value& value) {
  return (value.is_object() && value.get_object().empty()) || (value.is_array() && value.get_array().empty()) ||
         (value.is_string() && value.get_string().empty());
}

void validate_owner_references(const json::value& list, const std::string& path, std::vector<StatusCause>& causes) {
  std::size_t index = 0;
  for (const json::value& owner : list.get_array()) {
    const std::string at = fmt::format("{}[{}]", path, index++);
    for (const std::string_view member : {"apiVersion", "kind", "name", "uid"}) {
      if (!text_at(owner, {member}).empty()) continue;
      causes.push_back(invalid_value(fmt::format("{}.{}", at, member), "\"\"",
                                     fmt::format("{} must not be empty", member == "apiVersion" ? "version" : member)));
    }
  }
}

}  // namespace

std::optional<std::string> qualified_name_problem(std::string_view text) {
  std::string_view name = text;
  const std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    const std::string_view prefix = text.substr(0, slash);
    name = text.substr(slash + 1);
    if (prefix.empty()) return "prefix part must be non-empty";
    if (const auto problem = dns_subdomain_problem(prefix)) return "prefix part " + *problem;
    if (name.find('/') != std::string_view::npos) {
      return "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with "
             "an "
             "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
             "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. "
             "'example.com/MyName')";
    }
  }
  if (name.empty()) return "name part must be non-empty";
  if (name.size() > kMaxNamePart) return "name part " + too_long_text(kMaxNamePart);
  if (!is_name_part(name)) return std::string(kNamePartText);
  return std::nullopt;
}

std::optional<std::string> label_value_problem(std::string_view text) {
  if (text.size() > kMaxNamePart) return too_long_text(kMaxNamePart);
  if (!text.empty() && !is_name_part(text)) {
    return "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
           "start "
           "and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for "
           "validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
  }
  return std::nullopt;
}

std::optional<std::string> dns_subdomain_problem(std::string_view text) {
  if (text.size() > kMaxSubdomain) return too_long_text(kMaxSubdomain);
  for (const std::string_view label : base::split(text, '.')) {
    if (!is_dns_label(label)) {
      return "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
             "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
             "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
    }
  }
  return std::nullopt;
}

std::optional<std::string> dns_label_problem(std::string_view text) {
  if (text.find('.') != std::string_view::npos) return "must not contain dots";
  if (text.size() > kMaxNamePart) return too_long_text(kMaxNamePart);
  if (!is_dns_label(text)) {
    return "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and "
           "end "
           "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
           "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
  }
  return std::nullopt;
}

std::optional<std::string> path_segment_problem(std::string_view text) {
  if (text == "." || text == "..") return fmt::format("may not be '{}'", text);
  for (const char c : {'/', '%'}) {
    if (text.find(c) != std::string_view::npos) return fmt::format("may not contain '{}'", c);
  }
  return std::nullopt;
}

Answer<> shape_metadata(json::object& metadata, std::string_view path, std::vector<std::string>& unknown) {
  json::object shaped;
  for (auto& member : metadata) {
    const std::string_view name = member.key();
    const auto* known = std::ranges::find(kMembers, name, &Member::name);
    const std::string at = fmt::format("{}.{}", path, name);
    if (known == kMembers.end()) {
      unknown.push_back(at);
      continue;
    }
    json::value& value = member.value();
    if (value.is_null() || known->shape == Shape::dropped) continue;
    auto fits = shape_member(value, known->shape, at);
    if (!fits) return fits;
    if (is_empty_collection(value)) continue;
    shaped[name] = std::move(value);
  }
  metadata = std::move(shaped);
  return {};
}

void validate_metadata(const json::object& metadata, NameRule name_rule, std::string_view path,
                       std::vector<StatusCause>& causes) {
  const auto at = [&](std::string_view member) { return fmt::format("{}.{}", path, member); };
  const auto text_of = [&](std::string_view member) -> std::string_view {
    const json::value* value = metadata.if_contains(member);
    return value == nullptr || !value->is_string() ? std::string_view{} : std::string_view(value->get_string());
  };
  if (const auto base_name = text_of("generateName"); !base_name.empty()) {
    // A trailing '-' is fine: characters follow it.
    if (const auto problem = name_rule(std::string(base_name) + "x")) {
      causes.push_back(invalid_value(at("generateName"), base::go_quote(base_name), *problem));
    }
  }
  const std::string_view name = text_of("name");
  if (name.empty()) {
    causes.push_back(required_value(at("name"), "name or generateName is required"));
  } else if (const auto problem = name_rule(name)) {
    causes.push_back(invalid_value(at("name"), base::go_quote(name), *problem));
  }
  if (const auto ns = text_of("namespace"); !ns.empty()) {
    if (const auto problem = dns_label_problem(ns)) {
      causes.push_back(invalid_value(at("namespace"), base::go_quote(ns), *problem));
    }
  }
  if (const json::value* labels = metadata.if_contains("labels")) {
    for (const auto& label : labels->get_object()) {
      const std::string_view value = label.value().get_string();
      if (const auto problem = qualified_name_problem(label.key())) {
        causes.push_back(invalid_value(at("labels"), base::go_quote(label.key()), *problem));
      }
      if (const auto problem = label_value_problem(value)) {
        causes.push_back(invalid_value(at("labels"), base::go_quote(value), *problem));
      }
    }
  }
  if (const json::value* annotations = metadata.if_contains("annotations")) {
    std::size_t bytes = 0;
    for (const auto& annotation : annotations->get_object()) {
      bytes += annotation.key().size() + annotation.value().get_string().size();
      if (const auto problem = qualified_name_problem(base::to_lower(annotation.key()))) {
        causes.push_back(invalid_value(at("annotations"), base::go_quote(annotation.key()), *problem));
      }
    }
    if (bytes > kMaxAnnotationBytes) causes.push_back(too_long(at("annotations"), kMaxAnnotationBytes));
  }
  if (const json::value* finalizers = metadata.if_contains("finalizers")) {
    std::size_t index = 0;
    for (const json::value& finalizer : finalizers->get_array()) {
      const std::string where = fmt::format("{}[{}]", at("finalizers"), index++);
      const std::string_view text = finalizer.get_string();
      if (const auto problem = qualified_name_problem(text)) {
        causes.push_back(invalid_value(where, base::go_quote(text), *problem));
      }
    }
  }
  if (const json::value* owners = metadata.if_contains("ownerReferences")) {
    validate_owner_references(*owners, at("ownerReferences"), causes);
  }
}

}  // namespace podid::lab::apiserver
