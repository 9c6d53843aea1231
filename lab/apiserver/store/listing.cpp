// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/store/listing.hpp"

#include <algorithm>

namespace podid::lab::apiserver {
namespace {

// The snapshot that a list reads, and where in it the page starts.
struct Position {
  std::shared_ptr<const Store::Objects> objects;
  std::uint64_t revision = 0;
  std::string after = {};
};

// The present, without a copy.
std::shared_ptr<const Store::Objects> present(const Store& store, const Resource& resource) {
  return {std::shared_ptr<void>(), &store.objects(resource.bucket())};
}

Answer<Position> continued(const Store& store, const Resource& resource, const ListOptions& options) {
  const auto token = ContinueToken::decode(options.continue_token);
  if (!token)
    return std::unexpected(
        bad_request("invalid continue token: continue key is not valid: it is none of this server's"));
  if (options.resource_version.value_or(0) != 0) {
    return std::unexpected(bad_request("specifying resource version is not allowed when using continue"));
  }
  if (token->revision < 0) {
    return Position{.objects = present(store, resource), .revision = store.revision(), .after = token->after};
  }
  const auto revision = static_cast<std::uint64_t>(token->revision);
  auto objects = store.objects_at(resource.bucket(), revision);
  if (!objects) {
    ApiStatus gone = expired(
        "The provided continue parameter is too old to display a consistent list result. You can start a new list "
        "without "
        "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
        "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
        "deleted between the time the first chunk was returned and now may show up in the list.");
    gone.continue_token = ContinueToken{.revision = -1, .after = token->after}.encode();
    return std::unexpected(std::move(gone));
  }
  return Position{.objects = std::make_shared<const Store::Objects>(std::move(*objects)),
                  .revision = revision,
                  .after = token->after};
}

Answer<Position> started(const Store& store, const Resource& resource, const ListOptions& options) {
  const std::uint64_t asked = options.resource_version.value_or(0);
  if (asked > store.revision()) return std::unexpected(too_large_resource_version(asked, store.revision()));
  // A page of an old revision is exact even when nothing says so, as in the real server.
  const bool exact = options.match == ListOptions::Match::exact ||
                     (options.match == ListOptions::Match::unset && options.limit != 0 && asked != 0);
  if (!exact) return Position{.objects = present(store, resource), .revision = store.revision()};
  auto objects = store.objects_at(resource.bucket(), asked);
  if (!objects) return std::unexpected(expired("The resourceVersion for the provided list is too old."));
  return Position{.objects = std::make_shared<const Store::Objects>(std::move(*objects)), .revision = asked};
}

}  // namespace

bool selects(const ListOptions& options, std::string_view ns, std::string_view name, const StoredObject& object) {
  if (!ns.empty() && object.ns() != ns) return false;
  if (!name.empty() && object.name() != name) return false;
  return options.labels.matches(object.value()) && options.fields.matches(object.value());
}

Answer<Page> list_objects(const Store& store, const Resource& resource, std::string_view ns,
                          const ListOptions& options) {
  auto position =
      options.continue_token.empty() ? started(store, resource, options) : continued(store, resource, options);
  if (!position) return std::unexpected(std::move(position.error()));
  // A list of "any" revision comes from the real server's cache, which knows no pages.
  const std::uint64_t limit = options.resource_version == 0U && options.continue_token.empty() ? 0 : options.limit;
  Page page{.items = {}, .revision = position->revision};
  const Store::Objects& all = *position->objects;
  std::string last;
  auto at = position->after.empty() ? all.begin() : all.upper_bound(position->after);
  for (; at != all.end(); ++at) {
    if (!selects(options, ns, "", *at->second)) continue;
    if (limit != 0 && page.items.size() == limit) break;
    page.items.push_back(at->second);
    last = at->first;
  }
  if (at == all.end()) return page;
  page.continue_token = ContinueToken{.revision = static_cast<std::int64_t>(page.revision), .after = last}.encode();
  if (options.labels.empty() && options.fields.empty()) {
    page.remaining = static_cast<std::uint64_t>(
        std::count_if(at, all.end(), [&](const auto& entry) { return ns.empty() || entry.second->ns() == ns; }));
  }
  return page;
}

}  // namespace podid::lab::apiserver
