// SPDX-License-Identifier: Apache-2.0
#include "lab/azure/http/faults.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>

#include "base/text.hpp"
#include "lab/azure/world/json_fields.hpp"

namespace podid::lab::azure {

namespace json = boost::json;

namespace {

constexpr std::array<std::pair<std::string_view, FaultKind>, 6> kKindNames{{{"pass", FaultKind::pass},
                                                                            {"answer", FaultKind::answer},
                                                                            {"reset", FaultKind::reset},
                                                                            {"half", FaultKind::half},
                                                                            {"garbage", FaultKind::garbage},
                                                                            {"hang", FaultKind::hang}}};

// "arm" covers "arm.patch".
bool covers(std::string_view pattern, std::string_view endpoint) {
  if (pattern == "*" || pattern == endpoint) return true;
  return endpoint.starts_with(pattern) && endpoint.substr(pattern.size()).starts_with('.');
}

}  // namespace

Fault arm_throttled(std::int64_t count, std::chrono::seconds retry_after) {
  Fault fault{.endpoint = "arm", .count = count, .status = 429};
  fault.headers.add("Retry-After", std::to_string(retry_after.count()));
  fault.body =
      R"({"error":{"code":"OperationNotAllowed","message":"The server rejected the request because too many requests have been received for this subscription.","details":[{"code":"TooManyRequests","target":"PutVM3Min","message":"{\"operationGroup\":\"PutVM3Min\",\"allowedRequestCount\":240,\"measuredRequestCount\":241}"}]}})";
  return fault;
}

Fault entra_throttled(std::int64_t count) {
  Fault fault{.endpoint = "entra.token", .count = count, .status = 429, .content_type = "text/plain"};
  fault.headers.add("Retry-After", "60");
  fault.body = "Too Many Requests";
  return fault;
}

base::Result<Fault> read_fault(const json::value& document) {
  Fault fault;
  std::string problem;
  JsonFields fields(document, "", problem);
  fields.read("endpoint", fault.endpoint);
  fields.read("target_contains", fault.target_contains);
  fields.read("count", fault.count, -1, 1'000'000'000);
  if (fault.count == 0) fields.complain("count", "expected -1 (always) or at least 1");
  fields.read("delay_ms", fault.delay);
  std::string kind = "answer";
  fields.read("kind", kind);
  const auto named = std::ranges::find(kKindNames, kind, &std::pair<std::string_view, FaultKind>::first);
  if (named == kKindNames.end()) {
    fields.complain("kind", "expected pass, answer, reset, half, garbage or hang");
  } else {
    fault.kind = named->second;
  }
  std::int64_t status = fault.status;
  fields.read("status", status, 200, 599);
  fault.status = static_cast<int>(status);
  fields.read("content_type", fault.content_type);
  fields.read("body", fault.body);
  fields.read_object("headers", [&](const std::string& name, const json::value& value, const std::string& where) {
    if (!value.is_string()) return fields.complain_at(where, "expected a text");
    fault.headers.add(name, value.get_string());
  });
  fields.refuse_unknown();
  if (!problem.empty()) return base::fail(base::ErrorKind::invalid, std::move(problem));
  return fault;
}

json::object write_fault(const Fault& fault) {
  json::object headers;
  for (const net::Header& field : fault.headers) headers[field.name] = field.value;
  const auto named = std::ranges::find(kKindNames, fault.kind, &std::pair<std::string_view, FaultKind>::second);
  return {{"endpoint", fault.endpoint},
          {"target_contains", fault.target_contains},
          {"count", fault.count},
          {"delay_ms", fault.delay.count()},
          {"kind", named->first},
          {"status", fault.status},
          {"headers", std::move(headers)},
          {"content_type", fault.content_type},
          {"body", fault.body}};
}

base::Result<std::uint64_t> FaultList::add(Fault fault) {
  if (entries_.size() >= kMaxFaults) {
    return base::fail(base::ErrorKind::throttled, fmt::format("there are {} faults already", kMaxFaults));
  }
  entries_.push_back({.number = next_number_, .fault = std::move(fault)});
  return next_number_++;
}

bool FaultList::remove(std::uint64_t number) {
  return std::erase_if(entries_, [&](const Entry& entry) { return entry.number == number; }) > 0;
}

std::optional<Fault> FaultList::take(std::string_view endpoint, std::string_view target) {
  const std::string lower_target = base::to_lower(target);
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    Fault& fault = entry->fault;
    if (!covers(fault.endpoint, endpoint)) continue;
    if (lower_target.find(base::to_lower(fault.target_contains)) == std::string::npos) continue;
    Fault hit = fault;
    if (fault.count > 0 && --fault.count == 0) entries_.erase(entry);
    return hit;
  }
  return std::nullopt;
}

json::array FaultList::write() const {
  json::array out;
  for (const Entry& entry : entries_) {
    json::object line = write_fault(entry.fault);
    line["number"] = entry.number;
    out.push_back(std::move(line));
  }
  return out;
}

}  // namespace podid::lab::azure
