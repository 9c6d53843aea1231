// SPDX-License-Identifier: Apache-2.0
#include "cli/cluster_fixture.hpp"

namespace podid::cli {
namespace {

using ::testing::HasSubstr;

class UsageVerbTest : public ClusterTest {};

TEST_F(UsageVerbTest, CountsWhatTheLogSaysOfTheBindingsThatThereAre) {
  define_kinds();
  for (const char* name : {"reader", "unused"}) {
    put(kube::kAzureIdentityBindings, {{"metadata", {{"name", name}, {"namespace", "default"}}},
                                       {"spec", {{"azureIdentity", "store"}, {"selector", "reader"}}}});
  }
  const std::string log = folder_.file("audit.log");
  ASSERT_TRUE(base::write_file(
      log,
      R"({"index":0,"kind":"token","time":"2026-11-28T11:00:00.000000Z","process":"p","sequence":1,"outcome":"issued","status":200,"namespace":"default","pod":"web","binding":"default/reader","identity":"default/store","resource":"https://vault.azure.net"})"
      "\n",
      0600));
  ASSERT_EQ(podid({"usage", "--from", log, "-o", "json"}), kOk) << err_;
  const json::value document = json::parse(out_);
  EXPECT_EQ(document.at("unreadableLines"), 0) << out_;
  EXPECT_EQ(document.at("bindings").at(0).at("binding"), "default/unused");
  EXPECT_EQ(document.at("bindings").at(1).at("issued"), 1);
  EXPECT_EQ(podid({"usage", "--from", folder_.file("nothing")}), kFailed);
  EXPECT_EQ(podid({"usage"}), kUsage);
  EXPECT_THAT(err_, HasSubstr("--from"));
}

}  // namespace
}  // namespace podid::cli
