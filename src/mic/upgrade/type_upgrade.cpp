// SPDX-License-Identifier: Apache-2.0
#include "mic/upgrade/type_upgrade.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <functional>
#include <iterator>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "base/log.hpp"
#include "core/model/resources_json.hpp"
#include "kube/json.hpp"
#include "mic/upgrade/legacy_fields.hpp"

namespace podid::mic {
namespace json = kube::json;
namespace {

constexpr int kMaxAttempts = 5;
constexpr std::uint32_t kPageSize = 500;

// The rewritten objects of one kind by "namespace/name".
using Rewritten = std::map<std::string, json::value>;

class Upgrade {
 public:
  Upgrade(kube::Client& client, const TypeUpgradeOptions& options) : client_(client), options_(options) {}

  base::Task<base::Result<>> run() {
    auto marker = co_await find_marker();
    if (!marker) co_return std::unexpected(marker.error());
    if (base::find_path(*marker, {"data", options_.key}) != nullptr) co_return base::Result<>();
    base::log::info("rewriting the objects of old releases", {{"configMap", options_.config_map}});
    Rewritten identities;
    auto done = co_await rewrite(kube::kAzureIdentities, &identities);
    if (!done) co_return done;
    Rewritten bindings;
    done = co_await rewrite(kube::kAzureIdentityBindings, &bindings);
    if (!done) co_return done;
    done = co_await rewrite(kube::kAzurePodIdentityExceptions, nullptr);
    if (!done) co_return done;
    done = co_await rewrite_assigned(identities, bindings);
    if (!done) co_return done;
    done = co_await mark_done(std::move(*marker));
    co_return done;
  }

 private:
  net::Deadline write_deadline() const { return net::Deadline::in(client_.clock(), kube::kWriteTimeout); }

  base::Task<base::Result<json::value>> find_marker() {
    auto found =
        co_await client_.get(kube::kConfigMaps, {.ns = options_.ns, .name = options_.config_map}, write_deadline());
    if (found || found.error().kind != base::ErrorKind::not_found) co_return found;
    json::value empty = {{"metadata", {{"namespace", options_.ns}, {"name", options_.config_map}}}};
    auto created = co_await client_.create(kube::kConfigMaps, std::move(empty), write_deadline());
    co_return created;
  }

  base::Task<base::Result<>> mark_done(json::value marker) {
    json::object& object = marker.as_object();
    if (!object["data"].is_object()) object["data"] = json::object();
    object["data"].as_object()[options_.key] = options_.version;
    auto written = co_await client_.replace(kube::kConfigMaps, std::move(marker), "", write_deadline());
    if (!written) co_return std::unexpected(written.error());
    co_return base::Result<>();
  }

  base::Task<base::Result<std::vector<json::value>>> list(kube::ResourceType type) {
    std::vector<json::value> all;
    kube::ListOptions page;
    page.limit = kPageSize;
    for (;;) {
      auto answer = co_await kube::list_page(client_, type, page, write_deadline());
      if (!answer) co_return std::unexpected(answer.error());
      const base::Result<std::span<json::value>> items = kube::items_of(*answer, type.plural);
      if (!items) co_return std::unexpected(items.error());
      std::ranges::move(*items, std::back_inserter(all));
      page.continue_token = base::text_at(*answer, {"metadata", "continue"});
      if (page.continue_token.empty()) co_return all;
    }
  }

  // Gone meanwhile is as good as written.
  base::Task<base::Result<>> write_back(kube::ResourceType type, json::value object, Rewritten* rewritten) {
    const std::string key = kube::key_of(object).to_string();
    auto written = co_await client_.replace(type, std::move(object), "", write_deadline());
    if (!written && written.error().kind == base::ErrorKind::not_found) co_return base::Result<>();
    if (!written) co_return base::fail(written.error(), key);
    if (rewritten != nullptr) rewritten->insert_or_assign(key, std::move(*written));
    co_return base::Result<>();
  }

  base::Task<base::Result<>> rewrite(kube::ResourceType type, Rewritten* rewritten) {
    auto all = co_await list(type);
    if (!all) co_return std::unexpected(all.error());
    for (json::value& object : *all) {
      modernise_field_names(object);
      auto done = co_await write_back(type, std::move(object), rewritten);
      if (!done) co_return done;
    }
    co_return base::Result<>();
  }

  // Embedded resourceVersions follow the rewritten objects, so that no needless replacement of every assignment follows.
  base::Task<base::Result<>> rewrite_assigned(const Rewritten& identities, const Rewritten& bindings) {
    auto all = co_await list(kube::kAzureAssignedIdentities);
    if (!all) co_return std::unexpected(all.error());
    for (json::value& object : *all) {
      modernise_field_names(object);
      json::object* spec = object.as_object()["spec"].if_object();
      if (spec != nullptr) {
        embed_newest(*spec, "azureIdentityRef", identities, [](const json::value& identity) {
          const auto read = core::read_azure_identity(identity);
          return read ? core::embed(*read) : json::object();
        });
        embed_newest(*spec, "azureBindingRef", bindings, [](const json::value& binding) {
          const auto read = core::read_azure_identity_binding(binding);
          return read ? core::embed(*read) : json::object();
        });
      }
      auto done = co_await write_back(kube::kAzureAssignedIdentities, std::move(object), nullptr);
      if (!done) co_return done;
    }
    co_return base::Result<>();
  }

  static void embed_newest(json::object& spec, std::string_view member, const Rewritten& newest,
                           const std::function<json::object(const json::value&)>& embed) {
    const json::value* reference = spec.if_contains(member);
    if (reference == nullptr) return;
    const auto found = newest.find(kube::key_of(*reference).to_string());
    if (found == newest.end()) return;
    json::object copy = embed(found->second);
    if (!copy.empty()) spec[member] = std::move(copy);
  }

  kube::Client& client_;
  const TypeUpgradeOptions& options_;
};

}  // namespace

base::Task<base::Result<>> upgrade_types(kube::Client& client, TypeUpgradeOptions options) {
  Upgrade upgrade(client, options);
  for (int attempt = 1;; ++attempt) {
    auto done = co_await upgrade.run();
    const bool again =
        !done && attempt < kMaxAttempts &&
        (done.error().kind == base::ErrorKind::conflict || done.error().kind == base::ErrorKind::already_exists);
    if (again) continue;
    if (!done) co_return base::fail(done.error(), "upgrading the objects of old releases");
    co_return base::Result<>();
  }
}

}  // namespace podid::mic
