// SPDX-License-Identifier: Apache-2.0
// IDs that are all text and must not take each other's place. Azure compares them without regard to case.
#pragma once
#include <compare>
#include <string>
#include <string_view>
#include <utility>

#include "core/model/ascii.hpp"

namespace podid::core {

// Borrowed text, as std::string_view.
template <class Kind>
class IdView {
 public:
  constexpr IdView() = default;
  constexpr explicit IdView(std::string_view text) : text_(text) {}
  constexpr std::string_view text() const { return text_; }
  constexpr bool empty() const { return text_.empty(); }
  bool same_as(IdView other) const { return equal_ignoring_case(text_, other.text_); }

 private:
  std::string_view text_;
};

// The text as somebody wrote it, which `==` compares to the byte; Azure's comparison is same_as().
template <class Kind>
class Id {
 public:
  Id() = default;
  explicit Id(std::string text) : text_(std::move(text)) {}
  explicit Id(IdView<Kind> view) : text_(view.text()) {}
  const std::string& text() const { return text_; }
  bool empty() const { return text_.empty(); }
  bool same_as(IdView<Kind> other) const { return IdView<Kind>(*this).same_as(other); }
  operator IdView<Kind>() const [[clang::lifetimebound]] { return IdView<Kind>(text_); }
  auto operator<=>(const Id&) const = default;

 private:
  std::string text_;
};

using ClientId = Id<struct ClientIdKind>;      // of an application or managed identity
using ResourceId = Id<struct ResourceIdKind>;  // of a managed identity in ARM: "/subscriptions/…"
using ObjectId = Id<struct ObjectIdKind>;      // of its service principal in the directory
using ClientIdView = IdView<struct ClientIdKind>;
using ResourceIdView = IdView<struct ResourceIdKind>;
using ObjectIdView = IdView<struct ObjectIdKind>;

}  // namespace podid::core
