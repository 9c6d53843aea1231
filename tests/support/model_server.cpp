// SPDX-License-Identifier: Apache-2.0
#include "support/model_server.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <utility>

#include "base/text.hpp"
#include "base/time_text.hpp"

namespace podid::test {
namespace {

net::Response json_response(int status, const json::value& body) {
  net::Response response;
  response.status = status;
  response.headers.set("Content-Type", "application/json");
  response.body = json::serialize(body);
  return response;
}

json::value status_object(int code, std::string_view reason, std::string_view message) {
  return {{"kind", "Status"},   {"apiVersion", "v1"}, {"status", "Failure"},
          {"message", message}, {"reason", reason},   {"code", code}};
}

net::Response refusal(int code, std::string_view reason, std::string_view message) {
  return json_response(code, status_object(code, reason, message));
}

void merge(json::object& into, const json::object& patch) {
  for (const auto& [name, value] : patch) {
    if (value.is_null()) {
      into.erase(name);
    } else if (value.is_object() && into[name].is_object()) {
      merge(into[name].get_object(), value.get_object());
    } else {
      into[name] = value;
    }
  }
}

json::object& metadata_of(json::object& object) {
  json::value& metadata = object["metadata"];
  if (!metadata.is_object()) metadata = json::object();
  return metadata.get_object();
}

}  // namespace

// "/api/v1/namespaces/a/pods/x?limit=5" in parts.
struct ModelServer::Target {
  std::string path;  // without the query
  std::string root;  // "/api/v1", "/apis/group/version"
  std::string ns;    // empty: none, or all
  std::string plural;
  std::string name;  // empty: the collection
  std::map<std::string, std::string> query;

  explicit Target(const std::string& target) {
    const std::size_t mark = target.find('?');
    path = target.substr(0, mark);
    const std::vector<std::string_view> parts = base::split(std::string_view(path).substr(1), '/');
    const std::size_t at = parts.at(0) == "api" ? 2 : 3;
    for (std::size_t i = 0; i < at; ++i) root.append("/").append(parts.at(i));
    std::size_t next = at;
    if (parts.at(next) == "namespaces" && parts.size() > next + 2) {
      ns = parts[next + 1];
      next += 2;
    }
    plural = parts.at(next);
    if (parts.size() > next + 1) name = parts[next + 1];
    if (mark == std::string::npos) return;
    for (const std::string_view pair : base::split(std::string_view(target).substr(mark + 1), '&')) {
      const std::size_t equals = pair.find('=');
      query[std::string(pair.substr(0, equals))] = base::percent_decode(pair.substr(equals + 1)).value_or("");
    }
  }
  bool contains(const std::string& object_path) const {
    const Target object(object_path);
    return object.root == root && object.plural == plural && (ns.empty() || ns == object.ns);
  }
  std::string get(const std::string& name_of) const {
    const auto found = query.find(name_of);
    return found == query.end() ? "" : found->second;
  }
};

ModelServer::ModelServer(base::Executor executor)
    : changed_(executor, base::SteadyTime::max()), server_(executor, clock_, *this, net::ServerLimits()) {
  const auto endpoint = server_.listen({});
  if (!endpoint) throw std::runtime_error(endpoint.error().message);
  url_ = fmt::format("http://127.0.0.1:{}", endpoint->port());
}

base::Task<> ModelServer::stop() { return server_.stop(net::Deadline::passed()); }

std::int64_t ModelServer::put(const std::string& path, json::object object) {
  const Target target(path);
  const auto existing = objects_.find(path);
  json::object& metadata = metadata_of(object);
  metadata["name"] = target.name;
  if (!target.ns.empty()) metadata["namespace"] = target.ns;
  metadata["uid"] = existing == objects_.end() ? json::value(fmt::format("uid-{}", next_uid_++))
                                               : existing->second.at("metadata").at("uid");
  metadata["resourceVersion"] = std::to_string(++version_);
  change(existing == objects_.end() ? "ADDED" : "MODIFIED", path, object);
  objects_.insert_or_assign(path, std::move(object));
  return version_;
}

std::int64_t ModelServer::remove(const std::string& path) {
  json::object object = objects_.at(path);
  objects_.erase(path);
  metadata_of(object)["resourceVersion"] = std::to_string(++version_);
  change("DELETED", path, object);
  return version_;
}

const json::object* ModelServer::find(const std::string& path) const {
  const auto found = objects_.find(path);
  return found == objects_.end() ? nullptr : &found->second;
}

std::size_t ModelServer::count(std::string_view collection) const {
  const Target target{std::string(collection)};
  return static_cast<std::size_t>(
      std::ranges::count_if(objects_, [&](const auto& entry) { return target.contains(entry.first); }));
}

void ModelServer::change(const std::string& type, const std::string& path, const json::object& object) {
  history_.push_back({version_, type, path, json::serialize(json::object{{"type", type}, {"object", object}}) + "\n"});
  changed_.cancel();
}

void ModelServer::restore(const Backup& backup) {
  objects_ = backup.objects;
  version_ = backup.version;
  compacted_ = version_;
  history_.clear();
  pages_.clear();
  end_watches(false);
}

void ModelServer::compact() {
  compacted_ = version_;
  pages_.clear();
}

void ModelServer::bookmark() {
  const json::object object{{"metadata", {{"resourceVersion", std::to_string(version_)}}}};
  inject(json::serialize(json::object{{"type", "BOOKMARK"}, {"object", object}}) + "\n");
}

void ModelServer::inject(std::string text) {
  history_.push_back({version_, "", "", std::move(text)});
  changed_.cancel();
}

void ModelServer::end_watches(bool regularly) {
  ++generation_;
  end_regularly_ = regularly;
  changed_.cancel();
}

std::size_t ModelServer::count_requests(std::string_view method, std::string_view target_prefix) const {
  return static_cast<std::size_t>(std::ranges::count_if(requests, [&](const net::Request& request) {
    return request.method == method && request.target.starts_with(target_prefix);
  }));
}

base::Task<> ModelServer::handle(net::ServerRequest& received, net::ServerResponse& response) {
  net::Request request;
  request.method = received.method();
  request.target = received.target();
  received.each_header([&](std::string_view name, std::string_view value) { request.headers.add(name, value); });
  base::Result<std::string> body = co_await received.read_body(net::Deadline::in(clock_, std::chrono::seconds(10)));
  request.body = body.value_or(std::string());
  const std::size_t place = requests.size();
  requests.push_back(request);
  std::optional<net::Response> answer_text;
  if (intercept) answer_text = intercept(request);
  if (answer_text && answer_text->status == 0) {
    base::Result<> started = co_await response.start(200);
    static_cast<void>(started);
    co_return;  // unfinished: the connection is cut
  }
  if (answer_text && answer_text->status == -1) {
    base::SteadyTimer never(changed_.get_executor(), base::SteadyTime::max());
    co_await never.async_wait(base::as_result);
    co_return;
  }
  const Target target(request.target);
  if (!answer_text && target.get("watch") == "true") {
    co_await watch(target, response);
    co_return;
  }
  if (!answer_text) answer_text = answer(request, target);
  while (hold && hold(request, place)) co_await base::asio::post(changed_.get_executor(), base::as_result);
  for (const net::Header& header : answer_text->headers) {
    if (header.name != "Content-Type") response.header(header.name, header.value);
  }
  response.send(answer_text->status, answer_text->headers.get_or_empty("Content-Type"), answer_text->body);
}

base::Task<> ModelServer::watch(const Target& target, net::ServerResponse& response) {
  struct Open {
    std::size_t& count;
    explicit Open(std::size_t& c) : count(c) { ++count; }
    ~Open() { --count; }
  };
  base::Result<> sent = co_await response.start(200);
  if (!sent) co_return;
  const Open open(open_watches_);
  const std::uint64_t generation = generation_;
  std::size_t budget = watch_budget ? watch_budget() : std::numeric_limits<std::size_t>::max();
  const std::int64_t from = base::parse_number<std::int64_t>(target.get("resourceVersion")).value_or(0);
  std::size_t next = 0;
  while (next < history_.size() && history_[next].version <= from) ++next;
  std::string pending;
  if (from < compacted_) {
    pending = json::serialize(json::object{{"type", "ERROR"},
                                           {"object", status_object(410, "Expired", "too old resource version")}}) +
              "\n";
  }
  const bool expired = !pending.empty();
  while (true) {
    for (; !expired && next < history_.size(); ++next) {
      const Change& change = history_[next];
      if (change.path.empty() || target.contains(change.path)) pending += change.line;
    }
    while (!pending.empty()) {
      const std::size_t length = std::min({pending.size(), piece_bytes, budget});
      if (length == 0) co_return;  // cut
      const std::string piece = pending.substr(0, length);
      pending.erase(0, length);
      budget -= length;
      sent = co_await response.write(piece);
      if (!sent) co_return;
    }
    if (expired) break;
    if (generation != generation_) {
      if (!end_regularly_) co_return;
      break;
    }
    if (next < history_.size()) continue;
    const auto [woken] = co_await changed_.async_wait(base::as_result);
    static_cast<void>(woken);
  }
  sent = co_await response.finish();
}

net::Response ModelServer::answer(const net::Request& request, const Target& target) {
  if (request.method == "GET" && target.name.empty()) return list(target);
  if (request.method == "POST") return create(target, request.body);
  const auto found = objects_.find(target.path);
  if (found == objects_.end()) {
    return refusal(404, "NotFound", fmt::format("{} \"{}\" not found", target.plural, target.name));
  }
  if (request.method == "GET") return json_response(200, found->second);
  if (request.method == "PUT") return replace(target.path, request.body);
  if (request.method == "PATCH") return patch(target.path, request.body);
  if (request.method != "DELETE") return refusal(405, "MethodNotAllowed", "no such verb");
  remove(target.path);
  return json_response(200, {{"kind", "Status"}, {"status", "Success"}});
}

net::Response ModelServer::list(const Target& target) {
  Rest rest{.version = version_, .items = {}};
  if (const std::string token = target.get("continue"); !token.empty()) {
    const auto page = pages_.find(token);
    if (page == pages_.end()) return refusal(410, "Expired", "the continue token is too old");
    rest = std::move(page->second);
    pages_.erase(page);
  } else {
    for (const auto& [path, object] : objects_) {
      if (target.contains(path)) rest.items.push_back(object);
    }
  }
  json::object metadata{{"resourceVersion", std::to_string(rest.version)}};
  json::array items = rest.items;
  const std::size_t limit = base::parse_number<std::size_t>(target.get("limit")).value_or(0);
  if (limit > 0 && items.size() > limit) {
    const std::string token = fmt::format("page-{}", requests.size());
    rest.items.erase(rest.items.begin(), rest.items.begin() + limit);
    pages_[token] = std::move(rest);
    items.resize(limit);
    metadata["continue"] = token;
  }
  return json_response(200, {{"kind", "List"}, {"metadata", metadata}, {"items", items}});
}

net::Response ModelServer::create(const Target& target, const std::string& body) {
  json::object object = json::parse(body).as_object();
  const std::string path = target.path + "/" + std::string(object.at("metadata").at("name").as_string());
  if (objects_.contains(path)) return refusal(409, "AlreadyExists", path + " already exists");
  put(path, std::move(object));
  return json_response(201, objects_.at(path));
}

net::Response ModelServer::replace(const std::string& path, const std::string& body) {
  json::object object = json::parse(body).as_object();
  const json::value* version = metadata_of(object).if_contains("resourceVersion");
  if (version != nullptr && *version != objects_.at(path).at("metadata").at("resourceVersion")) {
    return refusal(409, "Conflict", "the object has been modified");
  }
  put(path, std::move(object));
  return json_response(200, objects_.at(path));
}

net::Response ModelServer::patch(const std::string& path, const std::string& body) {
  json::object object = objects_.at(path);
  merge(object, json::parse(body).as_object());
  put(path, std::move(object));
  return json_response(200, objects_.at(path));
}

}  // namespace podid::test
