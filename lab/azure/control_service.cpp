// SPDX-License-Identifier: Apache-2.0
#include "lab/azure/control_service.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/json.hpp>

#include "lab/azure/simulator.hpp"
#include "lab/azure/world/json_fields.hpp"
#include "lab/azure/world/world_json.hpp"

namespace podid::lab::azure {

namespace json = boost::json;

namespace {

Reply error_reply(int status, std::string_view text) { return json_reply(status, json::object{{"error", text}}); }
Reply done() { return json_reply(200, json::object()); }

Reply change_world(AzureSimulator& simulator, const json::value& patch) {
  json::value merged = merge_patch(write_world(simulator.world(), SecretValues::shown), patch);
  auto world = read_world(merged);
  if (!world) return error_reply(400, world.error().message);
  simulator.replace_world(std::move(*world));
  return json_reply(200, write_world(simulator.world(), SecretValues::hidden));
}

Reply add_fault(AzureSimulator& simulator, const json::value& document) {
  auto fault = read_fault(document);
  if (!fault) return error_reply(400, fault.error().message);
  const auto number = simulator.faults().add(std::move(*fault));
  if (!number) return error_reply(400, number.error().message);
  return json_reply(200, json::object{{"number", *number}});
}

Reply fail_operations(AzureSimulator& simulator, const json::value& document) {
  std::int64_t count = 1;
  std::string code = "InternalExecutionError";
  std::string message = "An internal execution error occurred. Please retry later.";
  std::string problem;
  JsonFields fields(document, "", problem);
  fields.read("count", count, -1, 1'000'000);
  fields.read("code", code);
  fields.read("message", message);
  fields.refuse_unknown();
  if (!problem.empty()) return error_reply(400, problem);
  simulator.fail_operations(count, std::move(code), std::move(message));
  return done();
}

Reply answer_get(AzureSimulator& simulator, std::string_view path) {
  if (path == "health") return json_reply(200, json::object{{"status", "ok"}});
  if (path == "world") return json_reply(200, write_world(simulator.world(), SecretValues::hidden));
  if (path == "statistics") return json_reply(200, simulator.statistics().write());
  if (path == "history") return json_reply(200, simulator.statistics().write_history());
  if (path == "faults") return json_reply(200, simulator.faults().write());
  return error_reply(404, "there is nothing to read here");
}

Reply answer_post(AzureSimulator& simulator, std::string_view path, const std::string& body) {
  if (path == "statistics/reset") {
    simulator.statistics().reset();
    return done();
  }
  if (path == "faults/clear") {
    simulator.faults().clear();
    return done();
  }
  if (path == "keys/rotate") {
    const auto rotated = simulator.rotate_keys();
    return rotated ? done() : error_reply(500, rotated.error().message);
  }
  if (path != "world" && path != "faults" && path != "operations/fail") {
    return error_reply(404, "there is nothing to change here");
  }
  boost::system::error_code error;
  const json::value document = json::parse(body, error);
  if (error) return error_reply(400, fmt::format("the body is not JSON: {}", error.message()));
  if (path == "world") return change_world(simulator, document);
  if (path == "faults") return add_fault(simulator, document);
  return fail_operations(simulator, document);
}

}  // namespace

Reply answer_control(AzureSimulator& simulator, const Call& call) {
  if (call.segments.empty() || call.segments[0] != "_lab") return error_reply(404, "paths begin with /_lab/");
  const std::string path = fmt::format("{}", fmt::join(call.segments.begin() + 1, call.segments.end(), "/"));
  if (call.method == "GET") return answer_get(simulator, path);
  if (call.method == "POST") return answer_post(simulator, path, call.body);
  return error_reply(405, "only GET and POST");
}

}  // namespace podid::lab::azure
