// SPDX-License-Identifier: Apache-2.0
#include "kube/leader_record.hpp"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <optional>
#include <utility>

#include "base/json.hpp"
#include "base/time_text.hpp"

namespace podid::kube {
namespace {

using base::ErrorKind;
using base::Result;

// Reads fields of one JSON object; the first wrong one is remembered.
class Fields {
 public:
  Fields(const json::value& object, std::string_view what) : object_(object), what_(what) {
    if (!object.is_object()) fail("", "is not an object");
  }

  std::string text(std::string_view name) {
    const json::value* value = present(name);
    if (value == nullptr) return {};
    if (!value->is_string()) return fail(name, "must be a string"), std::string();
    return std::string(base::text_at(object_, {name}));
  }
  std::int64_t number(std::string_view name) {
    const json::value* value = present(name);
    if (value == nullptr) return 0;
    if (!value->is_int64() || value->get_int64() < 0) return fail(name, "must be a whole number of at least 0"), 0;
    return value->get_int64();
  }
  base::WallTime time(std::string_view name) {
    const std::string value = text(name);
    if (value.empty()) return {};
    const std::optional<base::WallTime> parsed = base::parse_rfc3339(value);
    if (!parsed) fail(name, "is not a time");
    return parsed.value_or(base::WallTime{});
  }
  Result<LeaderRecord> finish(LeaderRecord record) {
    if (error_) return std::unexpected(*error_);
    return record;
  }

 private:
  const json::value* present(std::string_view name) const {
    const json::value* value = base::find_path(object_, {name});
    return value == nullptr || value->is_null() ? nullptr : value;
  }
  void fail(std::string_view name, std::string_view problem) {
    if (error_) return;
    error_ = base::Error{};
    error_->kind = ErrorKind::invalid;
    error_->message = fmt::format("{}{}{} {}", what_, name.empty() ? "" : ".", name, problem);
  }

  const json::value& object_;
  const std::string_view what_;
  std::optional<base::Error> error_;
};

LeaderRecord read_fields(Fields& fields, std::string_view transitions) {
  LeaderRecord record;
  record.holder = fields.text("holderIdentity");
  record.lease_duration_seconds = fields.number("leaseDurationSeconds");
  record.acquire_time = fields.time("acquireTime");
  record.renew_time = fields.time("renewTime");
  record.transitions = fields.number(transitions);
  return record;
}

}  // namespace

json::object lease_spec(const LeaderRecord& record) {
  json::object spec;
  if (!record.holder.empty()) spec["holderIdentity"] = record.holder;
  spec["leaseDurationSeconds"] = record.lease_duration_seconds;
  spec["acquireTime"] = base::format_rfc3339_micro(record.acquire_time);
  spec["renewTime"] = base::format_rfc3339_micro(record.renew_time);
  spec["leaseTransitions"] = record.transitions;
  return spec;
}

Result<LeaderRecord> read_lease_spec(const json::value& lease) {
  static const json::value kEmpty = json::object();
  const json::value* spec = base::find_path(lease, {"spec"});
  Fields fields(spec == nullptr ? kEmpty : *spec, "spec");
  return fields.finish(read_fields(fields, "leaseTransitions"));
}

std::string leader_annotation(const LeaderRecord& record) {
  const json::object object{
      {"holderIdentity", record.holder},
      {"leaseDurationSeconds", record.lease_duration_seconds},
      {"acquireTime", base::format_rfc3339(record.acquire_time)},
      {"renewTime", base::format_rfc3339(record.renew_time)},
      {"leaderTransitions", record.transitions},
  };
  return json::serialize(object);
}

Result<LeaderRecord> read_leader_annotation(std::string_view text) {
  const Result<json::value> object = parse_json(text, kLeaderAnnotation);
  if (!object) return std::unexpected(object.error());
  Fields fields(*object, kLeaderAnnotation);
  return fields.finish(read_fields(fields, "leaderTransitions"));
}

}  // namespace podid::kube
