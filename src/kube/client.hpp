// SPDX-License-Identifier: Apache-2.0
// The verbs of the Kubernetes API on JSON objects.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "kube/config.hpp"
#include "kube/json.hpp"
#include "kube/object_key.hpp"
#include "kube/resource_type.hpp"
#include "net/deadline.hpp"
#include "net/http_transport.hpp"

namespace podid::kube {

// One write to the API server, from sending it to the end of its answer.
inline constexpr std::chrono::seconds kWriteTimeout{30};

struct ClientOptions {
  std::string user_agent = {};
  double qps = 0;    // 0: no limit of ours, the server's priority and fairness decides
  double burst = 0;  // at least 1 is used
};

struct ListOptions {
  std::string ns = {};  // empty: all namespaces
  std::string label_selector = {};
  std::string field_selector = {};
  std::uint32_t limit = 0;          // 0: no pages
  std::string continue_token = {};  // metadata.continue of the page before
  std::string resource_version = {};
  std::string resource_version_match = {};  // "NotOlderThan", "Exact" or empty
  std::size_t* answer_bytes = nullptr;      // where the size of the answer goes, for who wants to know
};

struct WatchOptions {
  std::string ns = {};
  std::string label_selector = {};
  std::string field_selector = {};
  std::string resource_version = {};
  std::uint32_t timeout_seconds = 300;  // the server ends the watch then
};

enum class PatchType { json, merge, strategic, apply };

struct Patch {
  PatchType type = PatchType::merge;
  json::value body = {};
  std::string subresource = {};    // "status", or empty
  std::string field_manager = {};  // required by apply
  bool force = false;              // apply: take over fields of other managers
};

struct RemoveOptions {
  std::string uid = {};  // preconditions: `conflict` when the object is another one or has changed
  std::string resource_version = {};
  std::string propagation = {};  // "Background", "Foreground", "Orphan" or empty
  std::optional<std::int64_t> grace_period_seconds = {};
};

// One executor's client; all calls on its thread, any number at once. Destroy it after every call and every stream
// ended.
//
// Errors: those of net::HttpTransport, and a Status of the server as error_from_response makes it. A refused token (401)
// is read again and tried once more. Answers 429 (refused before anything was done), and for GET, PUT and DELETE also
// 5xx with Retry-After, are repeated after the time the server asks for, at most kMaxRepeats times and only if that
// ends before the deadline; otherwise the caller gets the error with retry_after. The deadline includes our own rate
// limit.
class Client {
 public:
  static constexpr int kMaxRepeats = 10;

  // `http` makes its transport.
  static base::Result<std::unique_ptr<Client>> make(base::Executor executor, const net::HttpTransportFactory& http,
                                                    const ClusterConfig& config, ClientOptions options,
                                                    base::Clock& clock, base::Random& random);
  ~Client();

  base::Task<base::Result<json::value>> get(ResourceType type, ObjectKey key, net::Deadline deadline);
  // One page; metadata.continue of the answer leads to the next.
  base::Task<base::Result<json::value>> list(ResourceType type, ListOptions options, net::Deadline deadline);
  // Into object's own metadata.namespace. apiVersion and kind are filled in where absent. Answers the stored object.
  base::Task<base::Result<json::value>> create(ResourceType type, json::value object, net::Deadline deadline);
  // The whole object, or its subresource; with metadata.resourceVersion only if that is still current (`conflict`).
  base::Task<base::Result<json::value>> replace(ResourceType type, json::value object, std::string subresource,
                                                net::Deadline deadline);
  base::Task<base::Result<json::value>> patch(ResourceType type, ObjectKey key, Patch patch, net::Deadline deadline);
  // Answers the object where a finalizer keeps it, else a Status.
  base::Task<base::Result<json::value>> remove(ResourceType type, ObjectKey key, RemoveOptions options,
                                               net::Deadline deadline);
  // The open stream, to be read through a WatchDecoder. `deadline` covers the time until the head is there.
  base::Task<base::Result<net::ResponseStream>> watch(ResourceType type, WatchOptions options, net::Deadline deadline);
  // Anything else: target is path and query below the server's base path. Statuses of 300 and above are errors.
  base::Task<base::Result<net::Response>> send(net::Request request, net::Deadline deadline);

  base::Executor executor() const;
  base::Clock& clock() const;
  base::Random& random() const;

 private:
  class Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The page of `page`, with fewer objects where they are too large for one answer: `page.limit` is then what was left of it
// (of no limit, a small one), and stays so for the pages that follow. One that is too large by itself is `invalid`, with
// the type's name. References live until it ends.
base::Task<base::Result<json::value>> list_page(Client& client, ResourceType type, ListOptions& page,
                                                net::Deadline deadline);

}  // namespace podid::kube
