// SPDX-License-Identifier: Apache-2.0
// Any JSON as any of the objects that we read: an answer of the API server is data of whoever may write such objects.
// A value that was read must be written so that it reads back equal, and the rules that take it must survive it.
#include <boost/json/parse.hpp>
#include <cstdlib>
#include <string_view>

#include "core/decide.hpp"
#include "core/model/azure_ids.hpp"
#include "core/model/node.hpp"
#include "core/model/pod.hpp"
#include "core/model/redact.hpp"
#include "core/model/resources_json.hpp"

namespace {

using namespace podid;

void require(bool holds) {
  if (!holds) std::abort();
}

// The server's timestamps are not written.
template <class T>
T without_timestamps(T value) {
  value.meta.creation_timestamp.clear();
  value.meta.deletion_timestamp.clear();
  return value;
}

template <class T, class Reader, class Writer>
void check_round_trip(const boost::json::value& json, Reader read, Writer write) {
  const core::Read<T> value = read(json);
  if (!value) {
    require(!value.error().problem.empty());
    return;
  }
  const core::Read<T> again = read(boost::json::value(write(*value)));
  require(again.has_value());
  require(*again == without_timestamps(*value));
}

void check_decision(const boost::json::value& json) {
  const auto assigned = core::read_azure_assigned_identity(json);
  const auto pod = core::read_pod(json);
  if (!assigned || !pod) return;
  const core::AzureAssignedIdentity* const assignments[] = {&*assigned};
  core::DecisionInput input;
  input.pod = &*pod;
  input.pod_namespace = assigned->pod_namespace;
  input.pod_name = assigned->pod;
  input.assigned = assignments;
  core::CheckList checks;
  require(core::decide(input, &checks).granted() == core::decide(input, nullptr).granted());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  boost::json::error_code error;
  const boost::json::value json = boost::json::parse(text, error);
  if (error) {
    core::redact(text);
    static_cast<void>(core::parse_provider_id(text));
    return 0;
  }
  check_round_trip<core::AzureIdentity>(json, core::read_azure_identity, core::write_azure_identity);
  check_round_trip<core::AzureIdentityBinding>(json, core::read_azure_identity_binding,
                                               core::write_azure_identity_binding);
  check_round_trip<core::AzureAssignedIdentity>(json, core::read_azure_assigned_identity,
                                                core::write_azure_assigned_identity);
  check_round_trip<core::AzurePodIdentityException>(json, core::read_azure_pod_identity_exception,
                                                    core::write_azure_pod_identity_exception);
  static_cast<void>(core::read_node(json));
  check_decision(json);
  return 0;
}
