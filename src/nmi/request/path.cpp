// SPDX-License-Identifier: Apache-2.0
#include "nmi/request/path.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "base/text.hpp"
#include "nmi/pods/redirect_proof.hpp"

namespace podid::nmi {
namespace {

constexpr std::string_view kMetadata = "/metadata";
constexpr std::string_view kTokenRest = "/identity/oauth2/token";
constexpr std::string_view kIdentity = "/identity";
constexpr std::string_view kInstance = "/instance";
constexpr std::string_view kIdentityInfo = "/metadata/identity/info";
constexpr std::string_view kScheduledEvents = "/metadata/scheduledevents";
constexpr std::array<std::string_view, 3> kProxied{"/metadata/instance", "/metadata/versions", "/metadata/attested"};
constexpr int kMaxEscapeLayers = 4;

bool has_metadata_prefix(std::string_view path, std::string_view rest) {
  return base::istarts_with(path, kMetadata) && path.substr(kMetadata.size()).starts_with(rest);
}

// The expression /(?i:metadata)/identity(.*?)oauth2(.*?)token anywhere in the path; '.' matches no newline.
bool resembles_token_path(std::string_view path) {
  for (std::size_t at = path.find('/'); at != std::string_view::npos; at = path.find('/', at + 1)) {
    const std::string_view rest = path.substr(at);
    if (!has_metadata_prefix(rest, kIdentity)) continue;
    const std::size_t from = kMetadata.size() + kIdentity.size();
    const std::string_view line = rest.substr(from, rest.find('\n', from) - from);
    const std::size_t oauth2 = line.find("oauth2");
    if (oauth2 != std::string_view::npos && line.find("token", oauth2 + 6) != std::string_view::npos) return true;
  }
  return false;
}

bool is_canonical(std::string_view path) {
  if (!path.starts_with('/')) return false;
  for (std::size_t at = 0; at != std::string_view::npos; at = path.find('/', at + 1)) {
    const std::string_view rest = path.substr(at + 1);
    if (rest.starts_with('/')) return false;
    const std::string_view segment = rest.substr(0, rest.find('/'));
    if (segment == "." || segment == "..") return false;
  }
  return true;
}

// The path as it is written in a URL: what a Location header may carry.
std::string escape_path(std::string_view path) {
  constexpr std::string_view kPlain = "-_.~/$&+,:;=@!'()*";
  std::string escaped;
  for (const char c : path) {
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (alnum || kPlain.contains(c)) {
      escaped += c;
    } else {
      escaped += base::percent_encode(std::string_view(&c, 1));
    }
  }
  return escaped;
}

bool is_at_or_below(std::string_view path, std::string_view top) {
  return path.starts_with(top) && (path.size() == top.size() || path[top.size()] == '/');
}

// `path` in lower case.
Route route_on_list(std::string_view path, const RouteOptions& options) {
  if (has_metadata_prefix(path, kIdentity)) {
    return is_at_or_below(path, kIdentityInfo) ? Route::proxy : Route::identity_path;
  }
  if (is_at_or_below(path, kScheduledEvents)) return Route::scheduled_events;
  const auto covers = [path](std::string_view top) { return is_at_or_below(path, top); };
  const bool listed = std::ranges::any_of(kProxied, covers) || std::ranges::any_of(options.proxy_paths, covers);
  return listed ? Route::proxy : Route::not_passed_on;
}

// What looked like no path of ours: passed on only if it is on the list in every way to read it.
Route route_to_endpoint(std::string_view path, const RouteOptions& options) {
  const std::string strict = strict_form(path);
  if (strict.empty()) return Route::invalid_token_path;
  const std::string lower = base::to_lower(strict);
  const std::string_view after_identity =
      std::string_view(lower).substr(std::min(lower.size(), kMetadata.size() + kIdentity.size()));
  const std::size_t oauth2 = after_identity.find("oauth2");
  const bool names_token =
      oauth2 != std::string_view::npos && after_identity.find("token", oauth2) != std::string_view::npos;
  // The real endpoint compares "identity" with case: without --strict-paths another spelling is just not on the list.
  const bool identity =
      options.strict_paths ? has_metadata_prefix(lower, kIdentity) : has_metadata_prefix(strict, kIdentity);
  if (identity && names_token) return Route::invalid_token_path;
  if (options.block_instance && has_metadata_prefix(lower, kInstance)) return Route::blocked_instance;
  if (has_metadata_prefix(lower, kIdentity) &&
      (after_identity.contains("credential") || after_identity.contains("getplatformmetadata"))) {
    return Route::node_credential;
  }
  const Route resolved = route_on_list(lower, options);
  const Route as_written = route_on_list(base::to_lower(path), options);
  return as_written == resolved || resolved == Route::identity_path ? resolved : Route::not_passed_on;
}

Route route_path(std::string_view path, const RouteOptions& options) {
  if (has_metadata_prefix(path, kTokenRest)) return Route::token;
  if (resembles_token_path(path)) return Route::invalid_token_path;
  if (path.starts_with("/host/token")) return Route::host_token;
  if (path == kProofPath) return Route::proof;
  if (options.block_instance && has_metadata_prefix(path, kInstance)) return Route::blocked_instance;
  return route_to_endpoint(path, options);
}

// Decodes what can be decoded; a bad escape stays as it is.
std::string decode_leniently(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::optional<std::string> byte;
    if (text[i] == '%' && i + 2 < text.size()) byte = base::percent_decode(text.substr(i, 3));
    if (byte) {
      decoded += *byte;
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

}  // namespace

std::string problem_with_proxy_path(std::string_view path) {
  const auto is_plain = [](unsigned char c) { return c > 0x20 && c < 0x7f && !std::string_view("%\\?#").contains(c); };
  if (!is_canonical(path) || !std::ranges::all_of(path, is_plain)) {
    return "must be a path as it is written without escapes, query and dot segments, such as /metadata/loadbalancer";
  }
  if (is_at_or_below(base::to_lower(path), "/metadata/identity"))
    return "no path below /metadata/identity is passed on";
  return {};
}

std::string proxy_path_form(std::string_view path) {
  if (path.ends_with('/')) path.remove_suffix(1);
  return base::to_lower(path);
}

std::string canonical_path(std::string_view decoded) {
  std::vector<std::string_view> kept;
  for (const std::string_view segment : base::split(decoded, '/')) {
    if (segment.empty() || segment == ".") continue;
    if (segment != "..") {
      kept.push_back(segment);
    } else if (!kept.empty()) {
      kept.pop_back();
    }
  }
  std::string path;
  for (const std::string_view segment : kept) path.append("/").append(segment);
  if (path.empty() || decoded.ends_with('/')) path += '/';
  return path;
}

std::string strict_form(std::string_view path) {
  std::string form(path);
  for (int layers = 0; form.contains('%'); ++layers) {
    std::string decoded = decode_leniently(form);
    if (decoded == form) break;
    if (layers == kMaxEscapeLayers) return {};
    form = std::move(decoded);
  }
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  if (std::ranges::any_of(form, is_control)) return {};
  std::ranges::replace(form, '\\', '/');
  return canonical_path(form);
}

SplitTarget split_target(std::string_view target) {
  const std::size_t scheme = target.find("://");
  if (scheme == std::string_view::npos || scheme > target.find_first_of("/?")) return {.authority = {}, .path = target};
  const std::size_t path = target.find_first_of("/?", scheme + 3);
  if (path == std::string_view::npos) return {.authority = target.substr(scheme + 3), .path = "/"};
  return {.authority = target.substr(scheme + 3, path - scheme - 3), .path = target.substr(path)};
}

Routed route_request(std::string_view target, const RouteOptions& options) {
  Routed routed;
  if (!target.starts_with('/')) {
    const SplitTarget split = split_target(target);
    routed.authority = split.authority;
    target = split.path;
  }
  const std::size_t question = target.find('?');
  const std::string_view raw_path = target.substr(0, question);
  if (question != std::string_view::npos) routed.query = target.substr(question + 1);

  std::string_view path = raw_path;
  if (raw_path.contains('%')) {
    std::optional<std::string> decoded = base::percent_decode(raw_path);
    if (!decoded) return routed;
    routed.decoded_path = std::move(*decoded);
    path = routed.decoded_path;
  }
  if (!is_canonical(path)) {
    routed.route = Route::redirect;
    routed.location = escape_path(canonical_path(path));
    if (question != std::string_view::npos) routed.location.append("?").append(routed.query);
    return routed;
  }
  routed.route = route_path(path, options);
  return routed;
}

}  // namespace podid::nmi
