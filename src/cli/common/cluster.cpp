// SPDX-License-Identifier: Apache-2.0
#include "cli/common/cluster.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <span>

#include "base/json.hpp"
#include "base/time_text.hpp"
#include "net/http_client.hpp"

namespace podid::cli {
namespace {

namespace json = boost::json;

constexpr std::chrono::seconds kCallTimeout{20};
constexpr std::uint32_t kPageSize = 500;
// A Date tells whole seconds, and is a moment old.
constexpr std::chrono::seconds kSameTime{2};
constexpr kube::ResourceType kSelfSubjectReviews{"authentication.k8s.io", "v1", "selfsubjectreviews",
                                                 "SelfSubjectReview", false};
constexpr kube::ResourceType kSelfSubjectAccessReviews{"authorization.k8s.io", "v1", "selfsubjectaccessreviews",
                                                       "SelfSubjectAccessReview", false};

std::string home_kubeconfig() {
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0' || std::getenv("KUBERNETES_SERVICE_HOST") != nullptr) return {};
  std::string path = std::string(home) + "/.kube/config";
  std::error_code error;
  return std::filesystem::exists(path, error) ? path : std::string();
}

}  // namespace

void add_cluster_options(CLI::App& verb, ClusterOptions& options) {
  verb.add_option("--kubeconfig", options.kubeconfig,
                  "kubeconfig file; without one, the service account of the pod we run in, else ~/.kube/config")
      ->envname("KUBECONFIG");
  verb.add_option("--context", options.context, "Context of the kubeconfig; default: its current one");
  verb.add_option("-n,--namespace", options.ns, "Namespace; default: the kubeconfig's");
}

void add_namespace_options(CLI::App& verb, ClusterOptions& options) {
  add_cluster_options(verb, options);
  verb.add_flag("-A,--all-namespaces", options.all_namespaces, "In all namespaces");
}

base::Result<kube::ClusterConfig> load_config(const ClusterOptions& options) {
  const std::string path = options.kubeconfig.empty() ? home_kubeconfig() : options.kubeconfig;
  if (!path.empty()) return kube::load_kubeconfig(path, options.context);
  if (!options.context.empty()) {
    return base::fail(base::ErrorKind::invalid, "--context needs a kubeconfig: name one with --kubeconfig");
  }
  return kube::load_cluster_config({});
}

base::Task<base::Result<std::unique_ptr<Cluster>>> Cluster::open(const ClusterOptions& options) {
  auto config = load_config(options);
  if (!config) co_return std::unexpected(config.error());
  std::unique_ptr<Cluster> cluster(new Cluster);
  const base::Executor executor = co_await base::asio::this_coro::executor;
  auto client = kube::Client::make(executor, net::http_over_sockets(cluster->clock_), *config, {.user_agent = "podid"},
                                   cluster->clock_, cluster->random_);
  if (!client) co_return std::unexpected(client.error());
  cluster->client_ = std::move(*client);
  cluster->ns_ = options.ns.empty() ? config->default_namespace : options.ns;
  cluster->scope_ = options.all_namespaces ? std::string() : cluster->ns_;

  net::Request version{.target = "/version"};
  auto answer = co_await cluster->client_->send(version, cluster->deadline());
  // Whoever may not ask for it can do without.
  if (!answer && answer.error().kind == base::ErrorKind::denied) co_return cluster;
  if (!answer) co_return std::unexpected(answer.error());
  const auto about = kube::parse_json(answer->body, "the version of the API server");
  if (about) cluster->version_ = base::text_at(*about, {"gitVersion"});
  const auto date = base::parse_http_date(answer->headers.get_or_empty("Date"));
  const base::WallTime here = cluster->clock_.wall_now();
  if (date && std::chrono::abs(*date - here) > kSameTime) cluster->ahead_ = *date - here;
  co_return cluster;
}

net::Deadline Cluster::deadline() { return net::Deadline::in(clock_, kCallTimeout); }

base::Task<base::Result<json::value>> Cluster::ask(kube::ResourceType review, json::object about) {
  about["apiVersion"] = review.api_version();
  about["kind"] = review.kind;
  net::Request request{.method = "POST",
                       .target = review.collection_path({}),
                       .headers = {{"Content-Type", "application/json"}},
                       .body = json::serialize(about)};
  auto answer = co_await client_->send(std::move(request), deadline());
  if (!answer) co_return std::unexpected(answer.error());
  co_return kube::parse_json(answer->body, review.kind);
}

base::Task<base::Result<std::string>> Cluster::user() {
  auto review = co_await ask(kSelfSubjectReviews, json::object());
  if (!review) co_return base::fail(std::move(review.error()), "asking the API server who we are");
  std::string name(base::text_at(*review, {"status", "userInfo", "username"}));
  if (name.empty()) co_return base::fail(base::ErrorKind::unsupported, "the API server does not say who we are");
  co_return name;
}

base::Task<base::Result<bool>> Cluster::may(std::string_view verb, kube::ResourceType type, kube::ObjectKey key) {
  json::object wanted{{"group", type.group}, {"resource", type.plural}, {"verb", verb}, {"namespace", key.ns}};
  if (!key.name.empty()) wanted["name"] = key.name;
  json::object review{{"spec", {{"resourceAttributes", std::move(wanted)}}}};
  auto answer = co_await ask(kSelfSubjectAccessReviews, std::move(review));
  if (!answer) co_return base::fail(std::move(answer.error()), "asking the API server what we may");
  const json::value* allowed = base::find_path(*answer, {"status", "allowed"});
  co_return allowed != nullptr && allowed->is_bool() && allowed->get_bool();
}

base::Task<base::Result<std::vector<json::value>>> Cluster::list(kube::ResourceType type, std::string ns,
                                                                 std::string field_selector) {
  std::vector<json::value> objects;
  kube::ListOptions page{.ns = std::move(ns), .field_selector = std::move(field_selector), .limit = kPageSize};
  do {
    auto answer = co_await kube::list_page(*client_, type, page, deadline());
    if (!answer && answer.error().kind == base::ErrorKind::not_found) {
      co_return base::fail(std::move(answer.error()),
                           fmt::format("the API server has no {}: install deploy/crds", type.plural));
    }
    if (!answer) co_return base::fail(std::move(answer.error()), fmt::format("listing {}", type.plural));
    auto items = kube::items_of(*answer, type.plural);
    if (!items) co_return std::unexpected(items.error());
    for (json::value& item : *items) objects.push_back(std::move(item));
    page.continue_token = base::text_at(*answer, {"metadata", "continue"});
  } while (!page.continue_token.empty());
  co_return objects;
}

}  // namespace podid::cli
