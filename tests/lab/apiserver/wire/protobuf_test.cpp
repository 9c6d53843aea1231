// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/wire/protobuf.hpp"

#include <gtest/gtest.h>

namespace podid::lab::apiserver {
namespace {

namespace json = boost::json;

// Writing, as far as the tests need it: lengths below 128.
std::string field(unsigned number, std::string_view bytes) {
  return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(bytes.size())} + std::string(bytes);
}
std::string field(unsigned number, unsigned value) {
  return {static_cast<char>(number << 3), static_cast<char>(value)};
}
std::string envelope(std::string_view api_version, std::string_view kind, std::string_view raw) {
  return std::string("k8s\0", 4) + field(1, field(1, api_version) + field(2, kind)) + field(2, raw) + field(3, "") +
         field(4, "");
}

TEST(Protobuf, ReadsWhatKubectlCreateWrites) {
  const std::string metadata = field(1, "s") + field(2, "") + field(3, "shop") + field(5, "") + field(7, 0) +
                               field(8, "") + field(11, field(1, "app") + field(2, "web")) + field(14, "x.y/z");
  const std::string secret = field(1, metadata) + field(2, field(1, "key") + field(2, "\x01\x02")) + field(3, "Opaque");
  std::string problem;
  const auto value = parse_protobuf(envelope("v1", "Secret", secret), problem);
  ASSERT_TRUE(value) << problem;
  EXPECT_EQ(*value, json::parse(R"({"apiVersion":"v1","kind":"Secret","type":"Opaque","data":{"key":"AQI="},
    "metadata":{"name":"s","namespace":"shop","generation":0,"labels":{"app":"web"},"finalizers":["x.y/z"]}})"))
      << json::serialize(*value);
}

TEST(Protobuf, ReadsTimesAndNumbers) {
  const std::string spec = field(1, "me") + field(2, 15) + field(4, field(1, 5) + field(2, 0)) + field(5, 1);
  std::string problem;
  const auto value = parse_protobuf(envelope("coordination.k8s.io/v1", "Lease", field(2, spec)), problem);
  ASSERT_TRUE(value) << problem;
  EXPECT_EQ(value->at("spec"), json::parse(R"({"holderIdentity":"me","leaseDurationSeconds":15,
                                               "renewTime":"1970-01-01T00:00:05.000000Z","leaseTransitions":1})"));
}

TEST(Protobuf, SkipsFieldsThatItDoesNotKnow) {
  std::string problem;
  const auto value =
      parse_protobuf(envelope("v1", "Namespace", field(1, field(1, "n") + field(9, "")) + field(15, 3)), problem);
  ASSERT_TRUE(value) << problem;
  EXPECT_EQ(value->at("metadata").at("name"), "n");
}

TEST(Protobuf, RefusesOtherKindsAndRubbish) {
  std::string problem;
  EXPECT_FALSE(parse_protobuf(envelope("v1", "Pod", ""), problem));
  EXPECT_NE(problem.find("Pod"), std::string::npos);
  const std::string good = envelope("v1", "Namespace", field(1, field(1, "n")));
  for (std::size_t length = 0; length < good.size() - 4; ++length) {
    problem.clear();
    const auto value = parse_protobuf(std::string_view(good).substr(0, length), problem);
    EXPECT_TRUE(value || !problem.empty());
  }
  EXPECT_FALSE(parse_protobuf(envelope("v1", "Namespace", field(1, 7)), problem)) << "metadata is no number";
}

}  // namespace
}  // namespace podid::lab::apiserver
