// SPDX-License-Identifier: Apache-2.0
// HTTP in, the API behind it: authentication, routing, watches as streams.
#pragma once
#include <cstdint>

#include "lab/apiserver/http/authentication.hpp"
#include "lab/apiserver/http/meta_api.hpp"
#include "lab/apiserver/http/resource_api.hpp"
#include "lab/apiserver/store/watch_hub.hpp"
#include "net/server/http_server.hpp"

namespace podid::lab::apiserver {

class Handler final : public net::HttpHandler {
 public:
  Handler(Authenticator authenticator, const Registry& registry, ResourceApi& api, WatchHub& hub, base::Clock& clock,
          const Limits& limits)
      : authenticator_(std::move(authenticator)),
        registry_(registry),
        api_(api),
        hub_(hub),
        clock_(clock),
        limits_(limits) {}

  base::Task<> handle(net::ServerRequest& request, net::ServerResponse& response) override;
  std::uint64_t requests() const { return requests_; }

 private:
  // Everything but watches. Nothing where `call` is about a resource.
  std::optional<Reply> answer_without_resource(const Call& call) const;
  base::Task<> watch(ResourceApi::WatchRequest request, const ResourcePath& path, net::ServerResponse& response);

  Authenticator authenticator_;
  const Registry& registry_;
  ResourceApi& api_;
  WatchHub& hub_;
  base::Clock& clock_;
  const Limits& limits_;
  std::uint64_t requests_ = 0;
};

}  // namespace podid::lab::apiserver
