// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/http/write_options.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "lab/apiserver/wire/json_tools.hpp"
#include "lab/apiserver/wire/media_type.hpp"
#include "lab/apiserver/wire/protobuf.hpp"
#include "lab/apiserver/wire/yaml.hpp"

namespace podid::lab::apiserver {
namespace {

ApiStatus invalid_option(std::string_view kind, StatusCause cause) {
  return invalid({.group = "meta.k8s.io", .plural = base::to_lower(kind), .kind = std::string(kind)}, "",
                 {std::move(cause)});
}

Answer<bool> parse_dry_run(std::string_view text, std::string_view kind) {
  if (text.empty()) return false;
  if (text == "All") return true;
  return std::unexpected(
      invalid_option(kind, unsupported_value("dryRun", fmt::format("[{}]", base::go_quote(text)), {"\"All\""})));
}

using Parser = std::optional<json::value> (*)(std::string_view, std::string&);

// `what` begins the refusal of a text that the parser cannot read.
Answer<json::value> parse_with(Parser parser, std::string_view what, std::string_view text) {
  std::string problem;
  auto value = parser(text, problem);
  if (value) return std::move(*value);
  return std::unexpected(bad_request(fmt::format("{}: {}", what, problem)));
}

}  // namespace

Answer<WriteOptions> parse_write_options(const RequestUrl& url, std::string_view options_kind) {
  WriteOptions out;
  auto dry_run = parse_dry_run(url.parameter_or_empty("dryRun"), options_kind);
  if (!dry_run) return std::unexpected(std::move(dry_run.error()));
  out.dry_run = *dry_run;
  const std::string_view validation = url.parameter_or_empty("fieldValidation");
  if (validation == "Ignore") {
    out.field_validation = FieldValidation::ignore;
  } else if (validation == "Strict") {
    out.field_validation = FieldValidation::strict;
  } else if (!validation.empty() && validation != "Warn") {
    return std::unexpected(
        invalid_option(options_kind, unsupported_value("fieldValidation", base::go_quote(validation),
                                                       {"\"\"", "\"Ignore\"", "\"Strict\"", "\"Warn\""})));
  }
  return out;
}

Answer<DeleteOptions> parse_delete_options(const Call& call) {
  constexpr std::string_view kKind = "DeleteOptions";
  DeleteOptions out;
  auto dry_run = parse_dry_run(call.url.parameter_or_empty("dryRun"), kKind);
  if (!dry_run) return std::unexpected(std::move(dry_run.error()));
  out.dry_run = *dry_run;
  std::string policy(call.url.parameter_or_empty("propagationPolicy"));
  if (!base::trim(call.body).empty()) {
    auto body = parse_object_body(call);
    if (!body) return std::unexpected(std::move(body.error()));
    if (const std::string_view uid = text_at(*body, {"preconditions", "uid"}); !uid.empty()) out.uid = std::string(uid);
    if (const std::string_view revision = text_at(*body, {"preconditions", "resourceVersion"}); !revision.empty()) {
      out.resource_version = std::string(revision);
    }
    if (const std::string_view given = text_at(*body, {"propagationPolicy"}); !given.empty())
      policy = std::string(given);
    const json::value* dry = find_path(*body, {"dryRun"});
    if (dry != nullptr && dry->is_array() && !dry->get_array().empty()) {
      const json::value& first = dry->get_array().front();
      auto wanted = parse_dry_run(first.is_string() ? std::string_view(first.get_string()) : "?", kKind);
      if (!wanted) return std::unexpected(std::move(wanted.error()));
      out.dry_run = *wanted;
    }
  }
  if (!policy.empty() && policy != "Background" && policy != "Foreground" && policy != "Orphan") {
    return std::unexpected(
        invalid_option(kKind, unsupported_value("propagationPolicy", base::go_quote(policy),
                                                {"\"Foreground\"", "\"Background\"", "\"Orphan\"", "\"nil\""})));
  }
  return out;
}

Answer<json::value> parse_object_body(const Call& call) {
  const std::string type = parse_media_type(call.content_type).type;
  if (type.empty() || type == "application/json")
    return parse_with(parse_json, "the object provided is unrecognized: couldn't get version/kind; json parse error",
                      call.body);
  if (type == "application/yaml")
    return parse_with(parse_yaml, "the object provided is unrecognized: couldn't get version/kind; yaml parse error",
                      call.body);
  if (type == kProtobufType)
    return parse_with(parse_protobuf,
                      "the object provided is unrecognized: couldn't get version/kind; protobuf parse error",
                      call.body);
  return std::unexpected(
      unsupported_media_type("application/json, application/yaml, application/vnd.kubernetes.protobuf"));
}

Answer<PatchType> parse_patch_type(const Call& call) {
  const std::string type = parse_media_type(call.content_type).type;
  if (type == "application/json-patch+json") return PatchType::json;
  if (type == "application/merge-patch+json") return PatchType::merge;
  if (type == "application/strategic-merge-patch+json") return PatchType::strategic;
  if (type == "application/apply-patch+yaml") return PatchType::apply;
  return std::unexpected(unroutable_media_type(415));
}

Answer<json::value> parse_patch_body(const Call& call, PatchType type) {
  if (type != PatchType::apply) return parse_with(parse_json, "error decoding patch", call.body);
  if (call.url.parameter_or_empty("fieldManager").empty()) {
    return std::unexpected(
        invalid_option("PatchOptions", required_value("fieldManager", "is required for apply patch")));
  }
  return parse_with(parse_yaml, "error decoding YAML", call.body);
}

}  // namespace podid::lab::apiserver
