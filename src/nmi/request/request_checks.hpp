// SPDX-License-Identifier: Apache-2.0
// What a request's own text and peer say, before anybody knows the pod. Pure.
#pragma once
#include <boost/asio/ip/address.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/server/http_server.hpp"
#include "nmi/request/answers.hpp"

namespace podid::nmi {

struct Refusal {
  Answer answer;
  std::string_view reason;  // metric label, static text
};

// Of the methods that only read.
bool is_read(std::string_view method);
bool says_metadata_true(const net::ServerRequest& request);
// 127.0.0.1 itself: a pod's packets cannot carry it, as rules of ours drop them.
bool is_this_host(const boost::asio::ip::address& peer);

// Refuses what only somebody who was tricked into it sends (SEC-9): headers that the real endpoint refuses, or that hide
// them from it, and the name of a host that is none of `hosts`. `authority`: of the target's absolute form.
std::optional<Refusal> refuse_tricked(const net::ServerRequest& request, std::string_view authority,
                                      const std::vector<std::string>& hosts);
// The first of these checks alone, for who needs no header Host of ours.
std::optional<Refusal> refuse_forwarded_for(const net::ServerRequest& request);

}  // namespace podid::nmi
