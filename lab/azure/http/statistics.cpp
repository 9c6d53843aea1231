// SPDX-License-Identifier: Apache-2.0
#include "lab/azure/http/statistics.hpp"

#include <boost/json.hpp>

namespace podid::lab::azure {

namespace json = boost::json;

void Statistics::record(HistoryEntry entry) {
  ++requests_[entry.endpoint][entry.status];
  history_.push_back(std::move(entry));
  if (history_.size() > kMaxHistory) history_.pop_front();
}

void Statistics::record_issued(std::string_view source, std::string_view client_id, std::string_view resource) {
  ++issued_[{.source = std::string(source), .client_id = std::string(client_id), .resource = std::string(resource)}];
}

void Statistics::record_secret_read(std::string_view secret, std::string_view object_id, std::string_view app_id) {
  ++secret_reads_[{.secret = std::string(secret), .object_id = std::string(object_id), .app_id = std::string(app_id)}];
}

void Statistics::reset() { *this = Statistics(); }

std::uint64_t Statistics::requests(std::string_view endpoint) const {
  const auto found = requests_.find(endpoint);
  if (found == requests_.end()) return 0;
  std::uint64_t sum = 0;
  for (const auto& [status, count] : found->second) sum += count;
  return sum;
}

std::uint64_t Statistics::requests(std::string_view endpoint, int status) const {
  const auto found = requests_.find(endpoint);
  if (found == requests_.end()) return 0;
  const auto by_status = found->second.find(status);
  return by_status == found->second.end() ? 0 : by_status->second;
}

std::uint64_t Statistics::issued(std::string_view client_id, std::string_view resource) const {
  std::uint64_t sum = 0;
  for (const auto& [key, count] : issued_) {
    if (key.client_id == client_id && (resource.empty() || key.resource == resource)) sum += count;
  }
  return sum;
}

std::uint64_t Statistics::secret_reads(std::string_view secret, std::string_view object_id) const {
  std::uint64_t sum = 0;
  for (const auto& [key, count] : secret_reads_) {
    if (key.secret == secret && key.object_id == object_id) sum += count;
  }
  return sum;
}

json::object Statistics::write() const {
  json::object requests;
  for (const auto& [endpoint, by_status] : requests_) {
    json::object& counts = requests[endpoint].emplace_object();
    for (const auto& [status, count] : by_status) counts[std::to_string(status)] = count;
  }
  json::array issued, reads;
  for (const auto& [key, count] : issued_) {
    issued.push_back(json::object{
        {"source", key.source}, {"client_id", key.client_id}, {"resource", key.resource}, {"count", count}});
  }
  for (const auto& [key, count] : secret_reads_) {
    reads.push_back(
        json::object{{"secret", key.secret}, {"object_id", key.object_id}, {"app_id", key.app_id}, {"count", count}});
  }
  return {{"requests", std::move(requests)}, {"issued", std::move(issued)}, {"secret_reads", std::move(reads)}};
}

json::array Statistics::write_history() const {
  json::array out;
  for (const HistoryEntry& entry : history_) {
    json::object line{{"endpoint", entry.endpoint},
                      {"method", entry.method},
                      {"target", entry.target},
                      {"peer", entry.peer},
                      {"status", entry.status}};
    if (!entry.body.empty()) line["body"] = entry.body;
    out.push_back(std::move(line));
  }
  return out;
}

}  // namespace podid::lab::azure
