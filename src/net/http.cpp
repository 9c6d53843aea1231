// SPDX-License-Identifier: Apache-2.0
#include "net/http.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/ip/address_v6.hpp>

#include "base/text.hpp"
#include "base/time_text.hpp"

namespace podid::net {
namespace {

using base::ErrorKind;

bool is_visible(char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7f; }

bool is_host_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

std::uint16_t default_port(bool tls) { return tls ? 443 : 80; }

}  // namespace

void Headers::add(std::string_view name, std::string_view value) {
  fields_.push_back({std::string(name), std::string(value)});
}

void Headers::set(std::string_view name, std::string_view value) {
  erase(name);
  add(name, value);
}

void Headers::erase(std::string_view name) {
  std::erase_if(fields_, [name](const Header& field) { return base::iequals(field.name, name); });
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
  const auto at = std::ranges::find_if(fields_, [name](const Header& f) { return base::iequals(f.name, name); });
  if (at == fields_.end()) return std::nullopt;
  return at->value;
}

std::optional<std::chrono::seconds> retry_after(const Headers& headers, std::chrono::system_clock::time_point now) {
  const auto field = headers.find("Retry-After");
  if (!field) return std::nullopt;
  const std::string_view text = base::trim(*field);
  // Nobody means a delay of more than a year; the bound keeps later additions to time points from overflowing.
  constexpr std::uint32_t kLongest = 366 * 24 * 3600;
  if (const auto delay = base::parse_number<std::uint32_t>(text)) {
    return std::chrono::seconds(std::min(*delay, kLongest));
  }
  const auto date = base::parse_http_date(text);
  if (!date || *date <= now) return std::nullopt;
  const auto delay = std::chrono::ceil<std::chrono::seconds>(*date - now);
  return std::min(delay, std::chrono::seconds(kLongest));
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 203:
      return "Non-Authoritative Information";
    case 204:
      return "No Content";
    case 205:
      return "Reset Content";
    case 206:
      return "Partial Content";
    case 207:
      return "Multi-Status";
    case 300:
      return "Multiple Choices";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 407:
      return "Proxy Authentication Required";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Request Entity Too Large";
    case 414:
      return "Request URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Requested Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 418:
      return "I'm a teapot";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Entity";
    case 423:
      return "Locked";
    case 424:
      return "Failed Dependency";
    case 425:
      return "Too Early";
    case 426:
      return "Upgrade Required";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 451:
      return "Unavailable For Legal Reasons";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    case 508:
      return "Loop Detected";
    case 510:
      return "Not Extended";
    case 511:
      return "Network Authentication Required";
    default:
      return "";
  }
}

std::string Url::authority() const {
  const bool literal_v6 = host.find(':') != std::string::npos;
  std::string text = literal_v6 ? "[" + host + "]" : host;
  if (port != default_port(tls)) text += ":" + std::to_string(port);
  return text;
}

std::string Url::to_string() const { return (tls ? "https://" : "http://") + authority() + target; }

Url Url::with_target(std::string_view other) const {
  Url url = *this;
  url.target = other;
  return url;
}

base::Result<Url> parse_url(std::string_view text) {
  const auto bad = [text](std::string_view problem) {
    return base::fail(ErrorKind::invalid, fmt::format("URL {}: {}", base::go_quote(text), problem));
  };
  Url url;
  std::string_view rest = text;
  if (base::istarts_with(rest, "https://")) {
    url.tls = true;
    rest.remove_prefix(8);
  } else if (base::istarts_with(rest, "http://")) {
    rest.remove_prefix(7);
  } else {
    return bad("must start with http:// or https://");
  }
  if (!std::ranges::all_of(rest, is_visible)) return bad("has a space or a control character");
  if (rest.find('#') != std::string_view::npos) return bad("must not have a fragment");

  const auto target_at = std::min(rest.find_first_of("/?"), rest.size());
  std::string_view authority = rest.substr(0, target_at);
  const std::string_view target = rest.substr(target_at);
  url.target = target.starts_with('/') ? std::string(target) : "/" + std::string(target);
  if (authority.find('@') != std::string_view::npos) return bad("must not have user information");

  std::string_view port_text;
  bool has_port = false;
  if (authority.starts_with('[')) {
    const auto close = authority.find(']');
    if (close == std::string_view::npos) return bad("has no closing bracket after the IPv6 address");
    url.host = base::to_lower(authority.substr(1, close - 1));
    boost::system::error_code error;
    boost::asio::ip::make_address_v6(url.host, error);
    if (error) return bad("has a bad IPv6 address");
    authority.remove_prefix(close + 1);
    has_port = authority.starts_with(':');
    if (!has_port && !authority.empty()) return bad("has text after the IPv6 address");
    if (has_port) port_text = authority.substr(1);
  } else {
    const auto colon = authority.find(':');
    has_port = colon != std::string_view::npos;
    if (has_port) port_text = authority.substr(colon + 1);
    url.host = base::to_lower(authority.substr(0, colon));
    if (url.host.empty()) return bad("has no host");
    if (!std::ranges::all_of(url.host, is_host_char)) return bad("has a bad host name");
  }
  url.port = default_port(url.tls);
  if (has_port) {
    const auto port = base::parse_number<std::uint16_t>(port_text);
    if (!port || *port == 0) return bad("has a bad port");
    url.port = *port;
  }
  return url;
}

}  // namespace podid::net
