// SPDX-License-Identifier: Apache-2.0
// Whatever the API server and the network do, the store ends up equal to the server, and callbacks tell a consistent
// story on the way there.
#include <fmt/format.h>

#include <map>

#include "kube/informer.hpp"
#include "kube/kube_fixture.hpp"
#include "kube/thing.hpp"
#include "support/instant_clock.hpp"

namespace podid::kube {
namespace {

using test::Thing;
using Object = std::shared_ptr<const Thing>;

// What callbacks have said so far; each is checked against what was said before.
class Story {
 public:
  InformerHandlers<Thing> handlers() {
    InformerHandlers<Thing> handlers;
    handlers.on_added = [this](const Object& now) {
      EXPECT_FALSE(things_.contains(now->key)) << now->key.to_string() << " added twice";
      check_version(*now);
      things_[now->key] = now;
    };
    handlers.on_updated = [this](const Object& before, const Object& now) {
      EXPECT_EQ(things_[now->key], before) << "updated from a state that was never reported";
      EXPECT_EQ(before->uid, now->uid) << "another object in place of " << now->key.to_string();
      EXPECT_GT(now->version, before->version) << now->key.to_string() << " went back in time";
      check_version(*now);
      things_[now->key] = now;
    };
    handlers.on_deleted = [this](const Object& last) {
      EXPECT_EQ(things_[last->key], last);
      things_.erase(last->key);
    };
    handlers.on_invalid = [this](const ObjectKey& key, const base::Error&) {
      EXPECT_FALSE(things_.contains(key)) << "an object that cannot be read is still there";
    };
    handlers.on_synced = [this] { EXPECT_EQ(++synced_, 1); };
    return handlers;
  }
  const std::map<ObjectKey, Object>& things() const { return things_; }

 private:
  void check_version(const Thing& thing) {
    std::int64_t& newest = newest_[thing.key];
    EXPECT_GT(thing.version, newest) << thing.key.to_string() << " went back in time";
    newest = thing.version;
  }

  std::map<ObjectKey, Object> things_;
  std::map<ObjectKey, std::int64_t> newest_;
  int synced_ = 0;
};

// Pauses end at once, so a history depends on its seed and not on how busy the machine is.
class InformerPropertyTest : public test::KubeFixture<test::InstantClock>, public ::testing::WithParamInterface<int> {
 protected:
  // One random thing that happens to the server or the connection.
  void happen() {
    const std::string path = fmt::format("/api/v1/namespaces/ns{}/pods/p{}", dice_.below(2), dice_.below(4));
    switch (dice_.below(12)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
        server.put(path, {{"spec", {{"value", dice_.below(8) == 0 ? json::value(1) : json::value("v")}}}});
        break;
      case 5:
      case 6:
        if (server.find(path) != nullptr) server.remove(path);
        break;
      case 7:
        if (server.find(path) == nullptr) break;
        server.remove(path);  // deleted and made anew: the same name, another uid
        server.put(path, {{"spec", {{"value", "again"}}}});
        break;
      case 8:
        server.bookmark();
        break;
      case 9:
        server.end_watches(dice_.below(2) == 0);
        break;
      case 10:
        server.compact();
        break;
      case 11:
        if (dice_.below(4) == 0) server.inject("garbage\n");
        break;
    }
  }
  std::map<ObjectKey, std::int64_t> server_state() const {
    std::map<ObjectKey, std::int64_t> state;
    for (int ns = 0; ns < 2; ++ns) {
      for (int p = 0; p < 4; ++p) {
        const json::object* object = server.find(fmt::format("/api/v1/namespaces/ns{}/pods/p{}", ns, p));
        const auto thing = object == nullptr ? base::fail(base::ErrorKind::not_found, "") : test::read_thing(*object);
        if (thing) state[thing->key] = thing->version;
      }
    }
    return state;
  }
  static std::map<ObjectKey, std::int64_t> store_state(const Informer<Thing>& informer) {
    std::map<ObjectKey, std::int64_t> state;
    informer.for_each([&](const Object& thing) { state[thing->key] = thing->version; });
    return state;
  }

  test::SeededRandom dice_{static_cast<std::uint64_t>(GetParam())};
};

TEST_P(InformerPropertyTest, StoreEqualsTheServerInTheEnd) {
  server.watch_budget = [this]() -> std::size_t { return dice_.below(2) == 0 ? dice_.below(900) : std::string::npos; };
  server.piece_bytes = 1 + dice_.below(300);
  ReflectorOptions options;
  options.type = kPods;
  options.page_size = static_cast<std::uint32_t>(dice_.below(4));
  options.backoff = {.initial = std::chrono::milliseconds(1), .limit = std::chrono::milliseconds(2)};
  Story story;
  Informer<Thing> informer(*client, options, test::read_thing, story.handlers());
  informer.start();
  for (int step = 0; step < 600; ++step) {
    happen();
    io.restart();
    for (std::size_t handlers = dice_.below(60); handlers > 0; --handlers) io.poll_one();
  }
  end_faults();
  EXPECT_TRUE(until([&] { return informer.synced() && store_state(informer) == server_state(); }));
  EXPECT_EQ(story.things().size(), informer.size());
  for (const auto& [key, thing] : story.things()) EXPECT_EQ(informer.find(key.ns, key.name), thing);
  EXPECT_GT(informer.reflector().statistics().watch_events, 10u) << "the history was too tame";
  await(informer.stop());
}

INSTANTIATE_TEST_SUITE_P(Seeds, InformerPropertyTest, ::testing::Range(1, 21));

}  // namespace
}  // namespace podid::kube
