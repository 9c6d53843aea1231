// SPDX-License-Identifier: Apache-2.0
#include "nmi/request/path.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "base/text.hpp"

namespace podid::nmi {
namespace {

constexpr std::string_view kMetadata = "/metadata";
constexpr std::string_view kTokenRest = "/identity/oauth2/token";
constexpr std::string_view kIdentity = "/identity";
constexpr std::string_view kInstance = "/instance";
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

bool is_refused_before_proxying(std::string_view path, const RouteOptions& options, Route& refusal) {
  const std::string strict = strict_form(path);
  if (strict.empty()) {
    refusal = Route::invalid_token_path;
    return true;
  }
  const std::string lower = base::to_lower(strict);
  const std::string_view after_identity =
      std::string_view(lower).substr(std::min(lower.size(), kMetadata.size() + kIdentity.size()));
  const std::size_t oauth2 = after_identity.find("oauth2");
  const bool names_token =
      oauth2 != std::string_view::npos && after_identity.find("token", oauth2) != std::string_view::npos;
  // The real endpoint compares "identity" with case, so without --strict-paths another spelling is its own business.
  const bool identity =
      options.strict_paths ? has_metadata_prefix(lower, kIdentity) : has_metadata_prefix(strict, kIdentity);
  if (identity && names_token) {
    refusal = Route::invalid_token_path;
    return true;
  }
  if (options.block_instance && has_metadata_prefix(lower, kInstance)) {
    refusal = Route::blocked_instance;
    return true;
  }
  if (has_metadata_prefix(lower, kIdentity) &&
      (after_identity.contains("issuecredential") || after_identity.contains("getplatformmetadata"))) {
    refusal = Route::node_credential;
    return true;
  }
  return false;
}

Route route_path(std::string_view path, const RouteOptions& options) {
  if (has_metadata_prefix(path, kTokenRest)) return Route::token;
  if (resembles_token_path(path)) return Route::invalid_token_path;
  if (path.starts_with("/host/token")) return Route::host_token;
  if (options.block_instance && has_metadata_prefix(path, kInstance)) return Route::blocked_instance;
  Route refusal = Route::proxy;
  if (is_refused_before_proxying(path, options, refusal)) return refusal;
  return Route::proxy;
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

Routed route_request(std::string_view target, const RouteOptions& options) {
  // The absolute form, as a client sends it to a proxy: only its path counts.
  if (!target.starts_with('/')) {
    const std::size_t scheme = target.find("://");
    if (scheme != std::string_view::npos && scheme < target.find_first_of("/?")) {
      const std::size_t path = target.find_first_of("/?", scheme + 3);
      target = path == std::string_view::npos ? std::string_view("/") : target.substr(path);
    }
  }
  Routed routed;
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
