// SPDX-License-Identifier: Apache-2.0
// The labelSelector parameter: its whole grammar. Pure.
#pragma once
#include <boost/json.hpp>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace podid::lab::apiserver {

struct LabelRequirement {
  enum class Operator { in, not_in, exists, not_exists, greater, less };
  std::string key;
  Operator op = Operator::exists;
  std::vector<std::string> values = {};
};

class LabelSelector {
 public:
  // a=b, a==b, a!=b, a in (b,c), a notin (b,c), a, !a, a>1, a<1; parted by commas; empty selects all. The
  // error is the real server's text ("unable to parse requirement: ...").
  static std::expected<LabelSelector, std::string> parse(std::string_view text);

  bool matches(const boost::json::value& object) const;
  bool empty() const { return requirements_.empty(); }

 private:
  std::vector<LabelRequirement> requirements_;
};

}  // namespace podid::lab::apiserver
