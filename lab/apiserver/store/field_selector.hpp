// SPDX-License-Identifier: Apache-2.0
// The fieldSelector parameter. Pure; which fields may be asked for is the resource's business.
#pragma once
#include <boost/json.hpp>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace podid::lab::apiserver {

struct FieldRequirement {
  std::string field;
  bool equal = true;
  std::string value;
};

class FieldSelector {
 public:
  // a=b, a==b, a!=b parted by commas, with \, \= and \\ escaped in values. The error is the real server's
  // text.
  static std::expected<FieldSelector, std::string> parse(std::string_view text);

  // A field is the path of members, "spec.nodeName"; a missing one reads as "", as a Go zero value does
  // ("false" for the two booleans that can be selected).
  bool matches(const boost::json::value& object) const;
  bool empty() const { return requirements_.empty(); }
  const std::vector<FieldRequirement>& requirements() const { return requirements_; }

 private:
  std::vector<FieldRequirement> requirements_;
};

}  // namespace podid::lab::apiserver
