// SPDX-License-Identifier: Apache-2.0
// Lists: pages, selectors, versions.
#include "contract/contract_fixture.hpp"

namespace podid::test {
namespace {

using base::ErrorKind;
using kube::kConfigMaps;
using kube::kPods;
using kube::ListOptions;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ListsContract : public Contract {};

TEST_F(ListsContract, PagesShowOneStateOfTheCollection) {
  for (const std::string_view name : {"a", "b", "c", "d", "e"}) create(kConfigMaps, config_map(name));
  ListOptions options{.ns = ns(), .limit = 2};
  std::vector<std::string> found;
  std::string version;
  int pages = 0;
  do {
    const json::value page = ok(client().list(kConfigMaps, options, soon()));
    for (const json::value& item : page.at("items").as_array()) found.emplace_back(text_at(item, {"metadata", "name"}));
    const std::string_view page_version = text_at(page, {"metadata", "resourceVersion"});
    if (pages++ == 0) {
      version = page_version;
      create(kConfigMaps, config_map("bb"));  // after the list began
      remove(kConfigMaps, "e");
    }
    EXPECT_EQ(page_version, version);
    options.continue_token = text_at(page, {"metadata", "continue"});
  } while (!options.continue_token.empty());
  EXPECT_EQ(pages, 3);
  EXPECT_THAT(found, ElementsAre("a", "b", "c", "d", "e"));
}

TEST_F(ListsContract, RubbishAsContinueTokenIsRefused) {
  const base::Error error =
      refused(client().list(kConfigMaps, {.ns = ns(), .limit = 1, .continue_token = "rubbish"}, soon()));
  EXPECT_EQ(error.http_status, 400) << error.message;
}

TEST_F(ListsContract, SpanAllNamespacesOrAreEmpty) {
  EXPECT_THAT(names(kPods), IsEmpty());
  const json::value empty = ok(client().list(kPods, {.ns = ns()}, soon()));
  EXPECT_TRUE(empty.at("items").is_array());
  create(kConfigMaps, config_map("a"));
  const json::value all = ok(client().list(kConfigMaps, {}, soon()));
  EXPECT_TRUE(std::ranges::any_of(all.at("items").as_array(), [this](const json::value& item) {
    return text_at(item, {"metadata", "namespace"}) == ns() && text_at(item, {"metadata", "name"}) == "a";
  }));
}

TEST_F(ListsContract, AreSelectedByLabels) {
  create(kPods, pod("red", {{"color", "red"}, {"aadpodidbinding", "x"}}));
  create(kPods, pod("blue", {{"color", "blue"}}));
  create(kPods, pod("none"));
  const auto select = [this](std::string_view selector) {
    return names(kPods, {.label_selector = std::string(selector)});
  };
  EXPECT_THAT(select("color=red"), ElementsAre("red"));
  EXPECT_THAT(select("color==red"), ElementsAre("red"));
  EXPECT_THAT(select("color!=red"), ElementsAre("blue", "none"));
  EXPECT_THAT(select("aadpodidbinding"), ElementsAre("red"));
  EXPECT_THAT(select("!color"), ElementsAre("none"));
  EXPECT_THAT(select("color in (red,blue)"), ElementsAre("blue", "red"));
  EXPECT_THAT(select("color notin (red)"), ElementsAre("blue", "none"));
  EXPECT_THAT(select("color,aadpodidbinding=x"), ElementsAre("red"));
  EXPECT_EQ(refused(client().list(kPods, {.ns = ns(), .label_selector = "color in ("}, soon())).http_status, 400);
}

TEST_F(ListsContract, AreSelectedByFields) {
  create(kPods, pod("a", {}, "node-1"));
  create(kPods, pod("b", {}, "node-2"));
  create(kPods, pod("c"));
  const auto select = [this](std::string_view selector) {
    return names(kPods, {.field_selector = std::string(selector)});
  };
  EXPECT_THAT(select("spec.nodeName=node-1"), ElementsAre("a"));
  EXPECT_THAT(select("spec.nodeName="), ElementsAre("c"));
  EXPECT_THAT(select("spec.nodeName!=node-1"), ElementsAre("b", "c"));
  EXPECT_THAT(select("metadata.name=b"), ElementsAre("b"));
  EXPECT_THAT(select("metadata.namespace=" + ns() + ",spec.nodeName=node-2"), ElementsAre("b"));
  EXPECT_EQ(refused(client().list(kPods, {.ns = ns(), .field_selector = "spec.nonsense=1"}, soon())).http_status, 400);
  create(kConfigMaps, config_map("x"));
  create(kConfigMaps, config_map("y"));
  EXPECT_THAT(names(kConfigMaps, {.field_selector = "metadata.name=x"}), ElementsAre("x"));
}

TEST_F(ListsContract, AreOfTheVersionAskedFor) {
  create(kConfigMaps, config_map("a"));
  const std::string version = list_version(kConfigMaps);
  EXPECT_EQ(names(kConfigMaps, {.field_selector = "metadata.name=a", .resource_version = "0"}).size(), 1u);
  EXPECT_THAT(names(kConfigMaps, {.field_selector = "metadata.name=a",
                                  .limit = 500,
                                  .resource_version = version,
                                  .resource_version_match = "NotOlderThan"}),
              ElementsAre("a"));
}

TEST_F(ListsContract, ItemsHaveAllTheirMetadata) {
  const json::value made = create(kPods, pod("a", {{"color", "red"}}));
  const json::value list = ok(client().list(kPods, {.ns = ns()}, soon()));
  EXPECT_EQ(text_at(list, {"kind"}), "PodList");
  EXPECT_EQ(text_at(list, {"apiVersion"}), "v1");
  EXPECT_EQ(list.at("items").at(0).at("metadata").at("uid"), made.at("metadata").at("uid"));
  EXPECT_EQ(list.at("items").at(0).at("metadata").at("resourceVersion"), made.at("metadata").at("resourceVersion"));
}

}  // namespace
}  // namespace podid::test
