// SPDX-License-Identifier: Apache-2.0
#include "nmi/record/audit_recorder.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <functional>

#include "core/model/redact.hpp"

namespace podid::nmi {
namespace {

std::uint64_t hash(std::string_view text) { return std::hash<std::string_view>{}(text); }

std::string_view type_text(core::IdentityType type) {
  switch (type) {
    case core::IdentityType::user_assigned:
      return "managedIdentity";
    case core::IdentityType::service_principal_secret:
      return "servicePrincipal";
    case core::IdentityType::service_principal_certificate:
      return "servicePrincipalCertificate";
  }
  return "";
}

std::string_view grant_of(const core::Decision& decision) {
  return decision.access ? decision.access->grant : std::string_view();
}

void join(std::string& out, std::string_view ns, std::string_view name) {
  out.assign(ns);
  out += '/';
  out += name;
}

}  // namespace

void AuditRecorder::attach(AuditTrail& trail, unsigned worker) {
  trail_ = &trail;
  ring_ = &trail.ring(worker);
  fold_ = trail.options().writer.fold;
}

AuditRecorder::Key AuditRecorder::key_of(const AuditedAnswer& answer) {
  Key key;
  key.pod = hash(answer.entry->pod->uid);
  if (answer.peer->is_v4()) {
    key.whence = answer.peer->to_v4().to_uint();
  } else {
    const auto bytes = answer.peer->to_v6().to_bytes();
    key.whence = hash({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  key.token = answer.token;
  key.expires = answer.expires.time_since_epoch().count();
  // A refusal's resource is the client's text: each would be a record. The first one stands for all.
  key.what = answer.token != nullptr ? hash(answer.resource)
                                     : hash(answer.check) * 31 + static_cast<std::uint64_t>(answer.status);
  if (answer.decision->identity != nullptr) key.what = key.what * 31 + hash(answer.decision->identity->meta.name);
  if (answer.decision->binding != nullptr) key.what = key.what * 31 + hash(answer.decision->binding->meta.name);
  key.what = key.what * 31 + hash(grant_of(*answer.decision));
  key.what = key.what * 2 + (answer.cached ? 1 : 0);
  return key;
}

void AuditRecorder::fill(audit::RecordView& record, const AuditedAnswer& answer) {
  const core::Pod& pod = *answer.entry->pod;
  record.outcome = answer.outcome;
  record.status = answer.status;
  record.node = trail_->options().writer.log.node;
  if (answer.peer->is_v4()) {
    const auto bytes = answer.peer->to_v4().to_bytes();
    ::inet_ntop(AF_INET, bytes.data(), source_.data(), kSourceBytes);
  } else {
    const auto bytes = answer.peer->to_v6().to_bytes();
    ::inet_ntop(AF_INET6, bytes.data(), source_.data(), kSourceBytes);
  }
  record.source = source_.data();
  record.ns = pod.ns;
  record.pod = pod.name;
  record.pod_uid = pod.uid;
  record.service_account = pod.service_account;
  if (const core::AzureIdentityBinding* binding = answer.decision->binding) {
    join(binding_, binding->meta.ns, binding->meta.name);
    record.binding = binding_;
    // A grant is of its binding's namespace.
    if (const std::string_view grant = grant_of(*answer.decision); !grant.empty()) {
      join(grant_, binding->meta.ns, grant);
      record.grant = grant_;
    }
  }
  if (const core::AzureIdentity* identity = answer.decision->identity) {
    join(identity_, identity->meta.ns, identity->meta.name);
    record.identity = identity_;
    record.identity_type = type_text(identity->type);
    if (trail_->options().full_client_id) {
      record.client_id = identity->client_id.text();
    } else {
      core::redact_into(client_id_, identity->client_id.text());
      record.client_id = client_id_;
    }
  }
  record.resource = answer.resource;
  record.cached = answer.cached;
  if (answer.token != nullptr && answer.expires != base::WallTime::max()) record.expires = answer.expires;
  record.latency = answer.latency;
  record.check = answer.check;
  record.uti = answer.uti;
  record.oid = answer.oid;
}

bool AuditRecorder::try_put(const AuditedAnswer& answer) {
  const base::WallTime now = clock_.wall_now();
  const Key key = key_of(answer);
  Slot& slot = slots_[(key.pod ^ key.what ^ key.whence) % slots_.size()];
  if (slot.position && slot.key == key && ring_->fold(*slot.position, now, fold_)) return true;
  audit::RecordView record;
  record.time = now;
  fill(record, answer);
  const std::optional<audit::Ring::Position> position = ring_->put(record);
  if (!position) return false;
  if (fold_ > base::Duration(0)) slot = {key, position};
  return true;
}

bool AuditRecorder::put(const AuditedAnswer& answer) {
  if (ring_ == nullptr || try_put(answer)) return true;
  trail_->wake();
  if (trail_->options().refuse) return false;
  ring_->miss();
  trail_->missed();
  return true;
}

void AuditRecorder::note(const AuditedAnswer& answer) {
  if (ring_ == nullptr || try_put(answer)) return;
  trail_->wake();
  ring_->miss();
  trail_->missed();
}

}  // namespace podid::nmi
