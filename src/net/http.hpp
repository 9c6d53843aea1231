// SPDX-License-Identifier: Apache-2.0
// HTTP messages as values, shared by client and server.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace podid::net {

struct Header {
  std::string name;
  std::string value;
};

// Fields in the order in which they were added; names compare without case (RFC 9110 §5.1).
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<Header> fields) : fields_(fields) {}
  void add(std::string_view name, std::string_view value);
  // Replaces all fields of that name.
  void set(std::string_view name, std::string_view value);
  void erase(std::string_view name);
  // The first field of that name.
  std::optional<std::string_view> find(std::string_view name) const;
  std::string_view get_or_empty(std::string_view name) const { return find(name).value_or(std::string_view{}); }
  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }
  std::size_t size() const { return fields_.size(); }

 private:
  std::vector<Header> fields_;
};

struct Request {
  std::string method = "GET";
  std::string target = "/";  // path and query as sent
  Headers headers{};         // Host and Content-Length are added by the client where absent
  std::string body{};
};

struct Response {
  int status = 0;
  Headers headers{};
  std::string body{};
};

// Retry-After as a delay: delta-seconds or an HTTP date relative to `now` (RFC 9110 §10.2.3); nothing for rubbish or
// the past.
std::optional<std::chrono::seconds> retry_after(const Headers& headers, std::chrono::system_clock::time_point now);

// The standard reason phrase ("Not Found"), or "".
std::string_view reason_phrase(int status);

// scheme://host[:port][/path][?query]; user info and fragments are refused.
struct Url {
  bool tls = false;
  std::string host{};  // lower case; an IPv6 literal without its brackets
  std::uint16_t port = 80;
  std::string target = "/";  // path and query, at least "/"

  // "host" or "host:port" as the Host header has it.
  std::string authority() const;
  std::string to_string() const;
  // The same origin, another target.
  Url with_target(std::string_view target) const;
};
base::Result<Url> parse_url(std::string_view text);

}  // namespace podid::net
