// SPDX-License-Identifier: Apache-2.0
// JSON of the four kinds: tolerant reading, exact writing (api.md §1.1 to §5).
//
// Reading: an absent or null field is the zero value, `kind` and `apiVersion` are
// not looked at (old releases wrote other spellings into the copies). A field of the wrong type is an error
// that names its path.
//
// What anybody may write in a namespace of theirs has lengths (those of deploy/crds, kMost… below): AzureIdentities, bindings
// and exceptions beyond them are errors. An AzureAssignedIdentity has none: the controller must be able to remove what it
// once wrote.
//
// Unknown fields: those of spec and status are kept in the value and written back. Those of metadata are the server's
// (managedFields, generation) and are left out, which tells it to keep them.
#pragma once
#include <boost/json/fwd.hpp>

#include "core/model/invalid.hpp"
#include "core/model/resources.hpp"

namespace podid::core {

// In bytes.
inline constexpr std::size_t kMostClientId = 64;
inline constexpr std::size_t kMostResourceId = 1024;
inline constexpr std::size_t kMostName = 253;  // of objects and namespaces
inline constexpr std::size_t kMostTenantId = 253;
inline constexpr std::size_t kMostEndpoint = 256;
inline constexpr std::size_t kMostSelector = 63;  // as of a label's value
inline constexpr std::size_t kMostLabelKey = 317;
inline constexpr std::size_t kMostItems = 64;
inline constexpr std::size_t kMostUnknown = 16 * 1024;  // members of spec and status that we do not know, as JSON

Read<AzureIdentity> read_azure_identity(const boost::json::value& object);
Read<AzureIdentityBinding> read_azure_identity_binding(const boost::json::value& object);
Read<AzureAssignedIdentity> read_azure_assigned_identity(const boost::json::value& object);
Read<AzurePodIdentityException> read_azure_pod_identity_exception(const boost::json::value& object);

// A whole new object: apiVersion, kind, metadata, spec and, where not empty, status. Zero values are left
// out. Timestamps, which the server owns, are not written; uid and resourceVersion are, where known.
boost::json::object write_azure_identity(const AzureIdentity& identity);
boost::json::object write_azure_identity_binding(const AzureIdentityBinding& binding);
boost::json::object write_azure_assigned_identity(const AzureAssignedIdentity& assigned);
boost::json::object write_azure_pod_identity_exception(const AzurePodIdentityException& exception);

// The copy that goes into an AzureAssignedIdentity: apiVersion, kind, name, namespace, uid, resourceVersion,
// the annotations that we read, and spec (API-5).
boost::json::object embed(const AzureIdentity& identity);
boost::json::object embed(const AzureIdentityBinding& binding);

}  // namespace podid::core
