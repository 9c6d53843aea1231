// SPDX-License-Identifier: Apache-2.0
// A small API server for the tests of src/kube, with faults on request: any type under its URL, lists in pages,
// watches from any version, optimistic concurrency, merge patches. No selectors, defaults or validation (the embedded
// API server of the lab has those; tests/contract holds it against a real one).
#pragma once
#include <boost/json.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "net/http.hpp"
#include "net/server/http_server.hpp"

namespace podid::test {

namespace json = boost::json;

class ModelServer final : private net::HttpHandler {
 public:
  explicit ModelServer(base::Executor executor);
  base::Task<> stop();
  const std::string& url() const { return url_; }

  // What other clients do. Paths are those of the object ("/api/v1/namespaces/a/pods/x"). put() creates, or replaces
  // all but uid; both answer the new version.
  std::int64_t put(const std::string& path, json::object object);
  std::int64_t remove(const std::string& path);
  // Null when there is none.
  const json::object* find(const std::string& path) const;
  std::size_t count(std::string_view collection) const;
  std::int64_t version() const { return version_; }

  // What there is now, and back to it: with the versions of then, without history; watches are cut.
  struct Backup {
    std::map<std::string, json::object> objects;
    std::int64_t version = 0;
  };
  Backup backup() const { return {objects_, version_}; }
  void restore(const Backup& backup);
  // Forgets history: older watches and pages in progress get 410.
  void compact();
  // A bookmark, or any other text, to every open watch.
  void bookmark();
  void inject(std::string text);
  // Ends open watches: regularly, or by cutting the connection.
  void end_watches(bool regularly);
  std::size_t open_watches() const { return open_watches_; }

  // Answers instead of the server when it returns something; status 0 cuts the connection after the head, status -1
  // never answers.
  std::function<std::optional<net::Response>(const net::Request&)> intercept;
  // While it says so of a request, by its place in `requests`, the answer is kept back: what was true when it was asked.
  std::function<bool(const net::Request&, std::size_t)> hold;
  // Bytes that a new watch may send before its connection is cut; pieces in which it sends them.
  std::function<std::size_t()> watch_budget;
  std::size_t piece_bytes = 16 * 1024;

  // Every request, as received.
  std::vector<net::Request> requests;
  std::size_t count_requests(std::string_view method, std::string_view target_prefix) const;

 private:
  struct Target;
  // What follows a page: all pages of a list show the same state.
  struct Rest {
    std::int64_t version = 0;
    json::array items;
  };
  struct Change {
    std::int64_t version;
    std::string type;
    std::string path;
    std::string line;
  };

  base::Task<> handle(net::ServerRequest& request, net::ServerResponse& response) override;
  base::Task<> watch(const Target& target, net::ServerResponse& response);
  net::Response answer(const net::Request& request, const Target& target);
  net::Response list(const Target& target);
  net::Response create(const Target& target, const std::string& body);
  net::Response replace(const std::string& path, const std::string& body);
  net::Response patch(const std::string& path, const std::string& body);
  void change(const std::string& type, const std::string& path, const json::object& object);

  std::map<std::string, json::object> objects_;  // by path
  std::vector<Change> history_;
  std::map<std::string, Rest> pages_;  // by continue token
  std::int64_t version_ = 100;
  std::int64_t compacted_ = 0;
  std::uint64_t next_uid_ = 1;
  std::uint64_t generation_ = 0;  // of watches: raised to end those that are open
  bool end_regularly_ = true;
  std::size_t open_watches_ = 0;
  base::SteadyTimer changed_;
  std::string url_;
  base::RealClock clock_;
  net::HttpServer server_;
};

}  // namespace podid::test
