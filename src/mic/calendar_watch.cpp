// SPDX-License-Identifier: Apache-2.0
#include "mic/calendar_watch.hpp"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "base/json.hpp"
#include "mic/limits.hpp"

namespace podid::mic {
namespace json = kube::json;
namespace {

base::Result<ConfigMapTexts> decode(const json::value& object) {
  ConfigMapTexts read;
  const json::value* data = base::find_path(object, {"data"});
  if (data == nullptr || !data->is_object()) return read;
  for (const auto& [key, value] : data->get_object()) {
    if (!value.is_string() || value.get_string().size() > kMaxCalendarBytes) continue;
    if (read.texts.size() == kMaxCalendarKeys) break;
    read.texts.emplace(key, std::string_view(value.get_string()));
  }
  return read;
}

ConfigMapTexts unknown(std::string problem) {
  ConfigMapTexts texts;
  texts.problem = std::move(problem);
  return texts;
}

}  // namespace

CalendarWatch::CalendarWatch(kube::Client& client, Told told)
    : client_(client),
      told_(std::move(told)),
      alarm_(client.executor(), client.clock(), [this] { look_at_unknown(); }),
      ending_(client.executor()) {}

void CalendarWatch::set_wanted(const core::ObjectKey& binding, const std::set<core::ObjectKey>& config_maps) {
  const std::set<core::ObjectKey> before = std::exchange(wanted_[binding], config_maps);
  if (config_maps.empty()) wanted_.erase(binding);
  for (const core::ObjectKey& config_map : config_maps) {
    const auto [followed, is_new] = followed_.try_emplace(config_map);
    followed->second.bindings.insert(binding);
    if (is_new) follow(config_map, followed->second);
  }
  for (const core::ObjectKey& config_map : before) {
    if (config_maps.contains(config_map)) continue;
    const auto followed = followed_.find(config_map);
    followed->second.bindings.erase(binding);
    if (!followed->second.bindings.empty()) continue;
    if (followed->second.informer) ending_.spawn("calendar", end(std::move(followed->second.informer)));
    followed_.erase(followed);
  }
}

bool CalendarWatch::all_known(const core::ObjectKey& binding) const {
  const auto wanted = wanted_.find(binding);
  if (wanted == wanted_.end()) return true;
  for (const core::ObjectKey& config_map : wanted->second) {
    if (!followed_.at(config_map).known) return false;
  }
  return true;
}

void CalendarWatch::follow(const core::ObjectKey& config_map, Followed& followed) {
  followed.since = client_.clock().steady_now();
  alarm_.set(followed.since + kCalendarLook);
  std::size_t of_namespace = 0;
  for (auto at = followed_.lower_bound({.ns = config_map.ns, .name = {}});
       at != followed_.end() && at->first.ns == config_map.ns; ++at) {
    if (at->second.informer) ++of_namespace;
  }
  // Whoever may write bindings must not have us keep any number of watches.
  if (of_namespace >= kMaxCalendarsPerNamespace) return;
  followed.informer = make_informer(config_map);
  followed.informer->start();
}

std::unique_ptr<kube::Informer<ConfigMapTexts>> CalendarWatch::make_informer(const core::ObjectKey& config_map) {
  kube::ReflectorOptions options{.type = kube::kConfigMaps};
  options.ns = config_map.ns;
  options.field_selector = fmt::format("metadata.name={}", config_map.name);
  const auto absent = [this, config_map] {
    tell(config_map, unknown(fmt::format("there is no ConfigMap {}", config_map.text())));
  };
  using Object = std::shared_ptr<const ConfigMapTexts>;
  return std::make_unique<kube::Informer<ConfigMapTexts>>(
      client_, std::move(options), decode,
      kube::InformerHandlers<ConfigMapTexts>{
          .on_added = [this, config_map](const Object& now) { tell(config_map, *now); },
          .on_updated = [this, config_map](const Object&, const Object& now) { tell(config_map, *now); },
          .on_deleted = [absent](const Object&) { absent(); },
          .on_synced =
              [this, config_map, absent] {
                const auto followed = followed_.find(config_map);
                if (followed != followed_.end() && followed->second.informer->size() == 0) absent();
              },
          .on_invalid = {}});
}

void CalendarWatch::tell(const core::ObjectKey& config_map, const ConfigMapTexts& texts) {
  const auto followed = followed_.find(config_map);
  if (followed == followed_.end()) return;  // it is wanted no more, and the watch is ending
  followed->second.known = true;
  told_(config_map, texts);
}

// What cannot be read must not hold up for ever what can.
void CalendarWatch::look_at_unknown() {
  const base::SteadyTime now = client_.clock().steady_now();
  std::vector<std::pair<core::ObjectKey, std::string>> problems;
  bool again = false;
  for (const auto& [config_map, followed] : followed_) {
    if (followed.known) continue;
    if (!followed.informer) {
      problems.emplace_back(config_map, fmt::format("bindings of namespace {} name more than {} ConfigMaps",
                                                    config_map.ns, kMaxCalendarsPerNamespace));
      continue;
    }
    const auto& error = followed.informer->reflector().last_error();
    const bool is_denied = error && error->kind == base::ErrorKind::denied;
    if (is_denied || now - followed.since >= kCalendarPatience) {
      problems.emplace_back(config_map, fmt::format("ConfigMap {} cannot be read{}", config_map.text(),
                                                    error ? ": " + error->message : std::string()));
    } else {
      again = true;
    }
  }
  if (again) alarm_.set(now + kCalendarLook);
  for (auto& [config_map, problem] : problems) tell(config_map, unknown(std::move(problem)));
}

base::Task<> CalendarWatch::end(std::unique_ptr<kube::Informer<ConfigMapTexts>> informer) { co_await informer->stop(); }

base::Task<> CalendarWatch::stop() {
  alarm_.set(std::nullopt);
  for (auto& [config_map, followed] : followed_) {
    if (followed.informer) co_await followed.informer->stop();
  }
  co_await ending_.join();
}

}  // namespace podid::mic
