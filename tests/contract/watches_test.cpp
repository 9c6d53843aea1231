// SPDX-License-Identifier: Apache-2.0
// Watches, and our informer on top of them.
#include "contract/contract_fixture.hpp"
#include "kube/informer.hpp"

namespace podid::test {
namespace {

using kube::kConfigMaps;
using kube::kPods;
using kube::PatchType;

class WatchesContract : public Contract {
 protected:
  void change(std::string_view name, std::string_view value) {
    patch(kConfigMaps, name, PatchType::merge, {{"data", {{"k", value}}}});
  }
};

TEST_F(WatchesContract, FollowsAListWithoutAGap) {
  create(kConfigMaps, config_map("before"));
  const std::string version = list_version(kConfigMaps);
  create(kConfigMaps, config_map("a"));
  EventStream stream = watch(kConfigMaps, version);
  EXPECT_EQ(next(stream), "ADDED a");
  change("before", "1");
  EXPECT_EQ(next(stream), "MODIFIED before");
  remove(kConfigMaps, "a");
  EXPECT_EQ(next(stream), "DELETED a");
}

TEST_F(WatchesContract, ResumesAfterAnyEvent) {
  const std::string version = list_version(kConfigMaps);
  create(kConfigMaps, config_map("a"));
  change("a", "1");
  remove(kConfigMaps, "a");
  EventStream whole = watch(kConfigMaps, version);
  std::vector<std::string> versions = {version};
  for (int i = 0; i < 3; ++i) {
    const std::optional<kube::WatchEvent> event = ok(whole.next());
    versions.emplace_back(text_at(event->object, {"metadata", "resourceVersion"}));
  }
  const std::vector<std::string> story = {"ADDED a", "MODIFIED a", "DELETED a"};
  for (std::size_t from = 0; from < 3; ++from) {
    EventStream stream = watch(kConfigMaps, versions[from]);
    for (std::size_t i = from; i < 3; ++i) EXPECT_EQ(next(stream), story[i]) << "from " << from;
  }
  EventStream after = watch(kConfigMaps, versions[3]);  // the version of the deletion counts, too
  create(kConfigMaps, config_map("b"));
  EXPECT_EQ(next(after), "ADDED b");
}

TEST_F(WatchesContract, DeletedEventHasTheVersionOfTheDeletion) {
  const json::value made = create(kConfigMaps, config_map("a"));
  EventStream stream = watch(kConfigMaps, text_at(made, {"metadata", "resourceVersion"}));
  remove(kConfigMaps, "a");
  const std::optional<kube::WatchEvent> event = ok(stream.next());
  EXPECT_EQ(event->type, kube::WatchEvent::Type::deleted);
  EXPECT_NE(event->object.at("metadata").at("resourceVersion"), made.at("metadata").at("resourceVersion"));
}

TEST_F(WatchesContract, SelectedObjectsComeAndGo) {
  const std::string version = list_version(kPods);
  EventStream red = watch(kPods, version, {.label_selector = "color=red"});
  EventStream here = watch(kPods, version, {.field_selector = "spec.nodeName=node-1"});
  create(kPods, pod("a", {{"color", "blue"}}, "node-1"));
  create(kPods, pod("b", {{"color", "red"}}, "node-2"));
  EXPECT_EQ(next(here), "ADDED a");
  EXPECT_EQ(next(red), "ADDED b");
  patch(kPods, "a", PatchType::merge, {{"metadata", {{"labels", {{"color", "red"}}}}}});
  EXPECT_EQ(next(here), "MODIFIED a");
  EXPECT_EQ(next(red), "ADDED a");  // it matches from now on
  patch(kPods, "b", PatchType::merge, {{"metadata", {{"labels", {{"color", nullptr}}}}}});
  EXPECT_EQ(next(red), "DELETED b");  // it matches no more, and still exists
  remove(kPods, "a");
  std::string last = next(here);
  if (last == "MODIFIED a") last = next(here);  // a server may mark it before
  EXPECT_EQ(last, "DELETED a");
}

TEST_F(WatchesContract, SendABookmarkBeforeTheRegularEnd) {
  const std::string version = list_version(kConfigMaps);
  EventStream stream = watch(kConfigMaps, version, {.field_selector = "metadata.name=none", .timeout_seconds = 4});
  const json::value made = create(kConfigMaps, config_map("a"));
  std::string bookmark;
  while (true) {
    const std::optional<kube::WatchEvent> event = ok(stream.next());
    if (!event) break;
    ASSERT_EQ(event->type, kube::WatchEvent::Type::bookmark);
    bookmark = text_at(event->object, {"metadata", "resourceVersion"});
  }
  // It has passed what the watch did not show.
  ASSERT_FALSE(bookmark.empty());
  EXPECT_GE(std::stoll(bookmark), std::stoll(std::string(text_at(made, {"metadata", "resourceVersion"}))));
  EventStream resumed = watch(kConfigMaps, bookmark);
  create(kConfigMaps, config_map("b"));
  EXPECT_EQ(next(resumed), "ADDED b");
}

TEST_F(WatchesContract, InformerKeepsUp) {
  create(kConfigMaps, config_map("a", {{"k", "1"}}));
  using Value = std::string;
  std::vector<std::string> seen;
  kube::InformerHandlers<Value> handlers;
  handlers.on_added = [&](const auto& now) { seen.push_back("+" + *now); };
  handlers.on_updated = [&](const auto& before, const auto& now) { seen.push_back(*before + ">" + *now); };
  handlers.on_deleted = [&](const auto& last) { seen.push_back("-" + *last); };
  const auto decode = [](const json::value& object) -> base::Result<Value> {
    return std::string(text_at(object, {"data", "k"}));
  };
  for (const std::uint32_t page_size : {0u, 1u}) {
    seen.clear();
    kube::Informer<Value> informer(client(), {.type = kConfigMaps, .ns = ns(), .page_size = page_size}, decode,
                                   handlers);
    informer.start();
    EXPECT_TRUE(until([&] { return informer.reflector().statistics().watches == 1; }));
    change("a", "2");
    create(kConfigMaps, config_map("b", {{"k", "b"}}));
    remove(kConfigMaps, "b");
    EXPECT_TRUE(until([&] { return seen.size() == 4; }));
    EXPECT_THAT(seen, ::testing::ElementsAre("+1", "1>2", "+b", "-b"));
    await(informer.stop());
    change("a", "1");
  }
}

}  // namespace
}  // namespace podid::test
