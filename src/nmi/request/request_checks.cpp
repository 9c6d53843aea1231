// SPDX-License-Identifier: Apache-2.0
#include "nmi/request/request_checks.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace podid::nmi {
namespace {

Refusal forwarded_for_refused() {
  return {.answer = header_not_allowed("the header X-Forwarded-For is not allowed"), .reason = "forwarded"};
}

// Whether a header Connection takes a header away that the real endpoint must see.
bool names_guard(std::string_view connection) {
  while (!connection.empty()) {
    const std::size_t comma = connection.find(',');
    const std::string_view name = base::trim(connection.substr(0, comma));
    if (base::iequals(name, "metadata") || base::iequals(name, "x-forwarded-for")) return true;
    connection.remove_prefix(comma == std::string_view::npos ? connection.size() : comma + 1);
  }
  return false;
}

bool is_host_of(const std::vector<std::string>& hosts, std::string_view host) {
  return host.empty() || std::ranges::any_of(hosts, [host](const auto& known) { return base::iequals(known, host); });
}

}  // namespace

bool is_read(std::string_view method) { return method == "GET" || method == "HEAD"; }

bool says_metadata_true(const net::ServerRequest& request) {
  return base::iequals(request.header("metadata").value_or(""), "true");
}

bool is_this_host(const boost::asio::ip::address& peer) {
  return peer == boost::asio::ip::address_v4::loopback() || peer == boost::asio::ip::address_v6::loopback();
}

std::optional<Refusal> refuse_tricked(const net::ServerRequest& request, std::string_view authority,
                                      const std::vector<std::string>& hosts) {
  struct Marks {
    const std::vector<std::string>& hosts;
    bool forwarded = false;
    bool connection = false;
    bool host = false;
  } marks{.hosts = hosts};
  marks.host = !is_host_of(hosts, authority);
  request.each_header([&marks](std::string_view name, std::string_view value) {
    if (base::iequals(name, "x-forwarded-for")) marks.forwarded = true;
    if (base::iequals(name, "connection") && names_guard(value)) marks.connection = true;
    if (base::iequals(name, "host") && !is_host_of(marks.hosts, value)) marks.host = true;
  });
  if (marks.forwarded) return forwarded_for_refused();
  if (marks.connection) {
    return Refusal{.answer = header_not_allowed("the header Connection may not name Metadata or X-Forwarded-For"),
                   .reason = "connection"};
  }
  if (marks.host) {
    return Refusal{.answer = header_not_allowed("the header Host names another host than the metadata endpoint"),
                   .reason = "host"};
  }
  return std::nullopt;
}

std::optional<Refusal> refuse_forwarded_for(const net::ServerRequest& request) {
  if (request.header("x-forwarded-for")) return forwarded_for_refused();
  return std::nullopt;
}

}  // namespace podid::nmi
