// SPDX-License-Identifier: Apache-2.0
// Requests on resources, but for watches: parameters and bodies in, objects and statuses out.
#pragma once
#include "base/clock.hpp"
#include "lab/apiserver/http/reply.hpp"
#include "lab/apiserver/objects/object_service.hpp"
#include "lab/apiserver/show/rendering.hpp"

namespace podid::lab::apiserver {

// Belongs to one thread. What it names outlives it.
class ResourceApi {
 public:
  ResourceApi(const Registry& registry, const Store& store, ObjectService& service, base::Clock& clock)
      : registry_(registry), store_(store), service_(service), clock_(clock) {}

  Reply answer(const Call& call, const ResourcePath& path);

  // What a watch needs before it starts. Nothing where the request is no watch: answer() then deals with it.
  struct WatchRequest {
    ResourcePtr resource;
    ListOptions options;
    Renderer renderer;
  };
  std::optional<Answer<WatchRequest>> watch_request(const Call& call, const ResourcePath& path) const;

 private:
  Answer<Target> target_of(const Call& call, const ResourcePath& path) const;
  Answer<Renderer> renderer_for(const Call& call, const ResourcePtr& resource) const;
  Reply dispatch(const Call& call, const ResourcePath& path, const Target& target);
  Reply get(const Call& call, const Target& target) const;
  Reply list(const Call& call, const Target& target) const;
  Reply create(const Call& call, const Target& target);
  Reply update(const Call& call, const Target& target);
  Reply patch(const Call& call, const Target& target);
  Reply remove(const Call& call, const Target& target);
  Reply remove_collection(const Call& call, const Target& target);
  Reply review(const Call& call, const Resource& resource) const;
  Reply pod_action(const Call& call, const Target& target, std::string_view action);
  Reply written(const Call& call, const Target& target, Answer<Written> result) const;

  const Registry& registry_;
  const Store& store_;
  ObjectService& service_;
  base::Clock& clock_;
};

}  // namespace podid::lab::apiserver
