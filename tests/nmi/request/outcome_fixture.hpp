// SPDX-License-Identifier: Apache-2.0
// Rows of the outcome tables (nmi.md §4, §8 to §10), each asked through a real socket in both styles of answers.
#pragma once
#include <array>
#include <boost/json/serialize.hpp>
#include <source_location>
#include <string>
#include <vector>

#include "nmi/request/request_fixture.hpp"

namespace podid::test {

inline constexpr bool kBoth[] = {false, true};

// All that the NMI knows of the cluster.
struct Cluster {
  std::vector<core::Pod> pods{};
  std::vector<core::AzureAssignedIdentity> assigned{};
  std::vector<core::AzureIdentityBinding> bindings{};
  std::vector<core::AzureIdentity> identities{};
  std::vector<core::AzurePodIdentityException> exceptions{};
  nmi::SnapshotOptions options{};
  std::shared_ptr<const core::IdentityPermissions> permissions{};  // null: --identity-policy=off
  std::shared_ptr<const nmi::Looks> looks{};
};

// What a refused client is told.
struct Told {
  int status = 0;
  std::string message;
  int retry_after = 0;  // 0: no such header
};

class OutcomeFixture : public RequestFixture {
 protected:
  // Serves anew, in that style, in a cluster that holds nothing else.
  void serve(const Cluster& cluster, const nmi::AnswerStyle& style) {
    options.authorizer.mode = cluster.options.mode;
    options.authorizer.style = style;
    proxy_options.style = style;
    start();
    becomes(cluster);
  }
  // That is what there is now, for the requests that wait as well.
  void becomes(const Cluster& cluster) {
    nmi::SnapshotBuilder fresh(cluster.options);
    const auto put_all = [&fresh](const auto& objects) {
      for (const auto& object : objects) fresh.put(std::make_shared<std::remove_reference_t<decltype(object)>>(object));
    };
    put_all(cluster.pods);
    // With the identities and bindings that they are about, where the cluster has none of its own.
    if (cluster.identities.empty()) {
      for (const core::AzureAssignedIdentity& assigned : cluster.assigned) put_all(std::array{assigned.identity});
    }
    if (cluster.bindings.empty()) {
      for (const core::AzureAssignedIdentity& assigned : cluster.assigned) put_all(std::array{assigned.binding});
    }
    put_all(assigned_of(cluster));
    put_all(cluster.bindings);
    put_all(cluster.identities);
    put_all(cluster.exceptions);
    fresh.set_permissions(cluster.permissions);
    fresh.set_looks(cluster.looks);
    fresh.set_complete();
    source.heard(clock.steady_now());
    source.publish(fresh.build());
    handler->snapshot_changed();
  }

  // As a controller writes them that runs with the same --forceNamespaced.
  std::vector<core::AzureAssignedIdentity> assigned_of(const Cluster& cluster) const {
    std::vector<core::AzureAssignedIdentity> all = cluster.assigned;
    for (core::AzureAssignedIdentity& each : all) {
      const bool is_moved = options.authorizer.namespaced && each.meta.ns == core::kDefaultAssignmentNamespace;
      if (is_moved) each.meta.ns = each.identity.meta.ns;
    }
    return all;
  }

  static core::Pod unlabelled() {
    core::Pod pod = usual_pod();
    pod.labels.clear();
    return pod;
  }
  // An assignment of an identity of namespace "other".
  static core::AzureAssignedIdentity foreign(bool annotated) {
    core::AzureIdentity identity = make_identity("other", "reader");
    if (annotated) identity.meta.annotations.emplace(core::kBehaviorAnnotation, core::kNamespacedBehavior);
    return make_assigned(usual_pod(), identity, make_binding("other", "reader-binding", "reader"));
  }
  // Pod web-0 where identities are bound without a controller.
  static Cluster managed(std::vector<core::AzureIdentityBinding> bindings, std::vector<core::AzureIdentity> identities,
                         const core::Pod& pod = usual_pod()) {
    return {.pods = {pod},
            .bindings = std::move(bindings),
            .identities = std::move(identities),
            .options = {.mode = core::OperationMode::managed}};
  }

  // Tokens by another way or with other limits. `next` outlives the fixture, or the next call.
  void fetch_from(nmi::TokenSource& next, const nmi::TokenCacheOptions& cache_options = {}) {
    run_task(io, server->stop(net::Deadline::passed()));
    run_task(io, cache->stop());
    handler.reset();
    broker.reset();
    cache = std::make_unique<nmi::TokenCache>(io.get_executor(), cache_options, next, clock, random, metrics);
    broker = std::make_unique<nmi::TokenBroker>(io.get_executor(), *cache);
    start();
  }

  // Asks as a pod, or (with headers that name one) as a process of the node. The answer must be `held` back so long.
  Got ask_held(const std::string& target, const std::string& headers, const std::string& from, base::Duration held) {
    const Pending pending = begin(target, from, headers);
    if (held > base::Duration::zero()) {
      advance(held - std::chrono::milliseconds(1));
      EXPECT_FALSE(pending.done()) << "held back for too short a time";
      advance(std::chrono::milliseconds(1));
    }
    return finish(pending);
  }
  Got ask_for_token(bool host, const std::string& query, base::Duration held = {}) {
    advance(std::chrono::seconds(2));  // forgets the last refusal of a token endpoint
    return host ? ask_held("/host/token?" + query, "podns: shop\r\npodname: web-0\r\n", "127.0.0.1", held)
                : ask_held("/metadata/identity/oauth2/token?" + query, "Metadata: true\r\n", "127.0.0.5", held);
  }

  // To the byte, but for the date.
  static void expect_told(const Got& got, bool legacy, const Told& told,
                          const std::source_location& where = std::source_location::current()) {
    const testing::ScopedTrace trace(where.file_name(), static_cast<int>(where.line()), "called here");
    EXPECT_EQ(got.status, told.status);
    const std::string body = legacy ? told.message + "\n"
                                    : R"({"error":")" + code_of(told.status) + R"(","error_description":)" +
                                          boost::json::serialize(boost::json::string(told.message)) + "}";
    EXPECT_EQ(got.body, body);
    EXPECT_TRUE(got.has_header(legacy ? "Content-Type: text/plain; charset=utf-8"
                                      : "Content-Type: application/json; charset=utf-8"))
        << got.head;
    EXPECT_EQ(got.has_header("X-Content-Type-Options: nosniff"), legacy) << got.head;
    EXPECT_TRUE(got.has_header("Content-Length: " + std::to_string(body.size()))) << got.head;
    EXPECT_EQ(got.head.contains("\r\nRetry-After: "), told.retry_after > 0) << got.head;
    if (told.retry_after > 0) {
      EXPECT_TRUE(got.has_header("Retry-After: " + std::to_string(told.retry_after))) << got.head;
    }
  }

  static std::string code_of(int status) {
    switch (status) {
      case 400:
        return "invalid_request";
      case 403:
        return "forbidden";
      case 404:
        return "not_found";
      case 429:
        return "too_many_requests";
      case 503:
        return "service_unavailable";
      default:
        return "server_error";
    }
  }
};

// The trace of a row in one of its variants.
inline std::string variant(const char* row, bool legacy, bool host) {
  return std::string(row) + (legacy ? ", legacy" : ", JSON") + (host ? ", host" : ", pod");
}

}  // namespace podid::test
