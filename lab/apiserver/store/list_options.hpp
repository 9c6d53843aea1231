// SPDX-License-Identifier: Apache-2.0
// The parameters of list and watch, checked as the real server does. Pure.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "lab/apiserver/schema/resource.hpp"
#include "lab/apiserver/store/field_selector.hpp"
#include "lab/apiserver/store/label_selector.hpp"
#include "lab/apiserver/wire/api_status.hpp"
#include "lab/apiserver/wire/request_url.hpp"

namespace podid::lab::apiserver {

struct ListOptions {
  enum class Match { unset, not_older_than, exact };

  LabelSelector labels = {};
  FieldSelector fields = {};
  std::uint64_t limit = 0;  // 0: none
  std::string continue_token = {};
  std::optional<std::uint64_t> resource_version = {};  // as given; "0" is 0, none is unset
  Match match = Match::unset;
  bool watch = false;
  bool allow_bookmarks = false;
  std::optional<bool> send_initial_events = {};
  std::optional<std::chrono::seconds> timeout = {};

  // 400 for what cannot be parsed or selected by, 422 for combinations that the real server refuses.
  static Answer<ListOptions> parse(const RequestUrl& url, const Resource& resource);
};

// Where a paged list goes on.
struct ContinueToken {
  std::int64_t revision = 0;  // -1: the current state, whatever the earlier pages showed
  std::string after;          // key of the last object that was listed

  std::string encode() const;
  static std::optional<ContinueToken> decode(std::string_view text);
};

}  // namespace podid::lab::apiserver
