// SPDX-License-Identifier: Apache-2.0
#include "lab/azure/world/world_json.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/time_text.hpp"
#include "lab/azure/world/json_fields.hpp"

namespace podid::lab::azure {

namespace json = boost::json;

namespace {

constexpr std::string_view kHidden = "(hidden)";

SystemAssignedIdentity read_system_identity(const json::value& value, const std::string& path, std::string& problem) {
  SystemAssignedIdentity identity;
  JsonFields fields(value, path, problem);
  fields.read("client_id", identity.client_id);
  fields.read("principal_id", identity.principal_id);
  fields.refuse_unknown();
  return identity;
}

Machine read_machine(const json::value& value, const std::string& path, std::string& problem) {
  Machine machine;
  JsonFields fields(value, path, problem);
  fields.read("location", machine.location);
  fields.read("size", machine.size);
  fields.read("provisioning_state", machine.provisioning_state);
  fields.read("scale_set_id", machine.scale_set_id);
  if (const json::value* system = fields.find("system_assigned_identity"); system && !system->is_null()) {
    machine.identity.system = read_system_identity(*system, path + ".system_assigned_identity", problem);
  }
  fields.read_texts("user_assigned_identities",
                    [&](std::string id) { machine.identity.user_assigned.insert(std::move(id)); });
  fields.refuse_unknown();
  return machine;
}

Node read_node(const json::value& value, const std::string& path, std::string& problem) {
  Node node;
  JsonFields fields(value, path, problem);
  fields.read("machine_id", node.machine_id);
  fields.read("instance_id", node.instance_id);
  fields.read("vm_id", node.vm_id);
  fields.read_texts("addresses", [&](std::string address) { node.addresses.push_back(std::move(address)); });
  fields.refuse_unknown();
  return node;
}

ClientSecret read_client_secret(const json::value& value, const std::string& path, std::string& problem) {
  ClientSecret secret;
  JsonFields fields(value, path, problem);
  std::string text;
  fields.read("value", text);
  secret.value = base::Secret(std::move(text));
  std::string expires;
  fields.read("expires", expires);
  if (!expires.empty()) {
    secret.expires = base::parse_rfc3339(expires);
    if (!secret.expires) fields.complain("expires", "expected a time such as 2026-01-02T03:04:05Z");
  }
  fields.refuse_unknown();
  return secret;
}

Application read_application(const json::value& value, const std::string& path, std::string& problem) {
  Application application;
  JsonFields fields(value, path, problem);
  fields.read("tenant_id", application.tenant_id);
  fields.read("object_id", application.object_id);
  fields.read("name", application.name);
  fields.read("enabled", application.enabled);
  fields.read_object("secrets", [&](std::string key, const json::value& member, const std::string& where) {
    application.secrets.emplace(std::move(key), read_client_secret(member, where, problem));
  });
  fields.read_object("certificates", [&](std::string key, const json::value& member, const std::string& where) {
    if (!member.is_string()) return fields.complain_at(where, "expected a certificate as PEM text");
    application.certificates.emplace(std::move(key), std::string(member.get_string()));
  });
  fields.refuse_unknown();
  return application;
}

RoleAssignment read_role_assignment(const json::value& value, const std::string& path, std::string& problem) {
  RoleAssignment assignment;
  JsonFields fields(value, path, problem);
  fields.read("principal_id", assignment.principal_id);
  fields.read("scope", assignment.scope);
  fields.read_texts("actions", [&](std::string action) { assignment.actions.push_back(std::move(action)); });
  fields.refuse_unknown();
  return assignment;
}

Vault read_vault(const json::value& value, const std::string& path, std::string& problem) {
  Vault vault;
  JsonFields fields(value, path, problem);
  fields.read("tenant_id", vault.tenant_id);
  fields.read_object("secrets", [&](std::string key, const json::value& member, const std::string& where) {
    if (!member.is_string()) return fields.complain_at(where, "expected a text");
    vault.secrets.emplace(std::move(key), base::Secret(std::string(member.get_string())));
  });
  fields.read_texts("readers", [&](std::string id) { vault.readers.insert(std::move(id)); });
  fields.refuse_unknown();
  return vault;
}

Settings read_settings(const json::value& value, const std::string& path, std::string& problem) {
  Settings settings;
  JsonFields fields(value, path, problem);
  fields.read("operation_duration_ms", settings.operation_duration);
  fields.read("propagation_delay_ms", settings.propagation_delay);
  if (const json::value* member = fields.find("retry_after_seconds"); member && !member->is_null()) {
    std::chrono::seconds delay{0};
    fields.read("retry_after_seconds", delay);
    settings.retry_after = delay;
  }
  fields.read("managed_identity_lifetime_seconds", settings.managed_identity_lifetime);
  fields.read("application_lifetime_seconds", settings.application_lifetime);
  fields.read("list_page_size", settings.list_page_size, 1, 10'000);
  fields.read("imds_resource_ids", settings.imds_resource_ids);
  fields.read("token_resource_ids", settings.token_resource_ids);
  fields.refuse_unknown();
  return settings;
}

// References that must hold for the services to make sense of the world.
std::string find_broken_reference(const World& world) {
  const auto no_tenant = [&](std::string_view id) { return !world.tenants.contains(id); };
  for (const auto& [id, subscription] : world.subscriptions) {
    if (no_tenant(subscription.tenant_id)) return fmt::format("subscriptions.{}.tenant_id: no such tenant", id);
  }
  for (const auto& [id, identity] : world.user_assigned_identities) {
    if (!parse_resource_id(id)) return fmt::format("user_assigned_identities.{}: not a resource ID", id);
    if (no_tenant(identity.tenant_id)) {
      return fmt::format("user_assigned_identities.{}.tenant_id: no such tenant", id);
    }
  }
  for (const auto& [id, machine] : world.machines) {
    const auto parsed = parse_resource_id(id);
    if (!parsed) return fmt::format("machines.{}: not a resource ID", id);
    if (!world.subscriptions.contains(parsed->subscription_id)) {
      return fmt::format("machines.{}: no such subscription", id);
    }
  }
  for (const auto& [name, node] : world.nodes) {
    if (!world.machines.contains(node.machine_id)) return fmt::format("nodes.{}.machine_id: no such machine", name);
  }
  for (const auto& [id, application] : world.applications) {
    if (no_tenant(application.tenant_id)) return fmt::format("applications.{}.tenant_id: no such tenant", id);
  }
  for (const auto& [host, vault] : world.vaults) {
    if (no_tenant(vault.tenant_id)) return fmt::format("vaults.{}.tenant_id: no such tenant", host);
  }
  return {};
}

template <class Strings>
json::array write_texts(const Strings& texts) {
  json::array out;
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

json::object write_machine(const Machine& machine) {
  json::object out{{"location", machine.location},
                   {"size", machine.size},
                   {"provisioning_state", machine.provisioning_state},
                   {"scale_set_id", machine.scale_set_id},
                   {"system_assigned_identity", nullptr},
                   {"user_assigned_identities", write_texts(machine.identity.user_assigned)}};
  if (const auto& system = machine.identity.system) {
    out["system_assigned_identity"] =
        json::object{{"client_id", system->client_id}, {"principal_id", system->principal_id}};
  }
  return out;
}

json::object write_role_assignments(const std::map<std::string, RoleAssignment>& assignments) {
  json::object out;
  for (const auto& [name, assignment] : assignments) {
    out[name] = json::object{{"principal_id", assignment.principal_id},
                             {"scope", assignment.scope},
                             {"actions", write_texts(assignment.actions)}};
  }
  return out;
}

void drop_hidden(json::value& value) {
  json::object* object = value.if_object();
  if (object == nullptr) return;
  for (auto at = object->begin(); at != object->end();) {
    if (at->value().is_string() && at->value().get_string() == kHidden) {
      at = object->erase(at);
      continue;
    }
    drop_hidden(at->value());
    ++at;
  }
}

void merge_into(json::value& target, const json::value& patch) {
  if (!patch.is_object()) {
    target = patch;
    return;
  }
  if (!target.is_object()) target = json::object();
  json::object& object = target.get_object();
  for (const auto& [name, member] : patch.get_object()) {
    if (member.is_null()) {
      object.erase(name);
    } else {
      merge_into(object[name], member);
    }
  }
}

}  // namespace

base::Result<World> read_world(const json::value& document) {
  World world;
  std::string problem;
  JsonFields fields(document, "", problem);
  fields.read_object("tenants", [&](std::string key, const json::value& member, const std::string& where) {
    Tenant& tenant = world.tenants[key];
    JsonFields inner(member, where, problem);
    inner.read("domain", tenant.domain);
    inner.refuse_unknown();
  });
  fields.read_object("subscriptions", [&](std::string key, const json::value& member, const std::string& where) {
    Subscription& subscription = world.subscriptions[key];
    JsonFields inner(member, where, problem);
    inner.read("tenant_id", subscription.tenant_id);
    inner.read_texts("resource_groups",
                     [&](std::string group) { subscription.resource_groups.insert(std::move(group)); });
    inner.refuse_unknown();
  });
  fields.read_object("user_assigned_identities",
                     [&](std::string key, const json::value& member, const std::string& where) {
                       UserAssignedIdentity& identity = world.user_assigned_identities[key];
                       JsonFields inner(member, where, problem);
                       inner.read("client_id", identity.client_id);
                       inner.read("principal_id", identity.principal_id);
                       inner.read("tenant_id", identity.tenant_id);
                       inner.read("location", identity.location);
                       inner.refuse_unknown();
                     });
  fields.read_object("refused_identities", [&](std::string key, const json::value& member, const std::string& where) {
    IdentityRefusal& refusal = world.refused_identities[key];
    JsonFields inner(member, where, problem);
    std::int64_t status = refusal.status;
    inner.read("status", status, 400, 599);
    refusal.status = static_cast<int>(status);
    inner.read("code", refusal.code);
    inner.read("message", refusal.message);
    inner.refuse_unknown();
  });
  fields.read_object("machines", [&](std::string key, const json::value& member, const std::string& where) {
    world.machines.insert_or_assign(std::move(key), read_machine(member, where, problem));
  });
  fields.read_object("nodes", [&](std::string key, const json::value& member, const std::string& where) {
    world.nodes.insert_or_assign(std::move(key), read_node(member, where, problem));
  });
  fields.read_object("applications", [&](std::string key, const json::value& member, const std::string& where) {
    world.applications.insert_or_assign(std::move(key), read_application(member, where, problem));
  });
  fields.read_object("role_assignments", [&](std::string key, const json::value& member, const std::string& where) {
    world.role_assignments.insert_or_assign(std::move(key), read_role_assignment(member, where, problem));
  });
  fields.read_object("deny_assignments", [&](std::string key, const json::value& member, const std::string& where) {
    world.deny_assignments.insert_or_assign(std::move(key), read_role_assignment(member, where, problem));
  });
  fields.read_object("token_resources", [&](std::string key, const json::value& member, const std::string& where) {
    TokenResource& resource = world.token_resources[key];
    JsonFields inner(member, where, problem);
    inner.read("app_id", resource.app_id);
    std::int64_t version = resource.token_version;
    inner.read("token_version", version, 1, 2);
    resource.token_version = static_cast<int>(version);
    inner.refuse_unknown();
  });
  fields.read_object("vaults", [&](std::string key, const json::value& member, const std::string& where) {
    world.vaults.insert_or_assign(std::move(key), read_vault(member, where, problem));
  });
  if (const json::value* settings = fields.find("settings")) {
    world.settings = read_settings(*settings, "settings", problem);
  }
  fields.refuse_unknown();
  if (problem.empty()) problem = find_broken_reference(world);
  if (!problem.empty()) return base::fail(base::ErrorKind::invalid, std::move(problem));
  return world;
}

json::object write_world(const World& world, SecretValues secrets) {
  const auto reveal = [&](const base::Secret& secret) -> std::string_view {
    return secrets == SecretValues::shown ? secret.reveal() : kHidden;
  };
  json::object tenants, subscriptions, identities, refusals, machines, nodes, applications, resources, vaults;
  for (const auto& [id, tenant] : world.tenants) tenants[id] = json::object{{"domain", tenant.domain}};
  for (const auto& [id, subscription] : world.subscriptions) {
    subscriptions[id] = json::object{{"tenant_id", subscription.tenant_id},
                                     {"resource_groups", write_texts(subscription.resource_groups)}};
  }
  for (const auto& [id, identity] : world.user_assigned_identities) {
    identities[id] = json::object{{"client_id", identity.client_id},
                                  {"principal_id", identity.principal_id},
                                  {"tenant_id", identity.tenant_id},
                                  {"location", identity.location}};
  }
  for (const auto& [id, refusal] : world.refused_identities) {
    refusals[id] = json::object{{"status", refusal.status}, {"code", refusal.code}, {"message", refusal.message}};
  }
  for (const auto& [id, machine] : world.machines) machines[id] = write_machine(machine);
  for (const auto& [name, node] : world.nodes) {
    nodes[name] = json::object{{"machine_id", node.machine_id},
                               {"instance_id", node.instance_id},
                               {"vm_id", node.vm_id},
                               {"addresses", write_texts(node.addresses)}};
  }
  for (const auto& [id, application] : world.applications) {
    json::object application_secrets, certificates;
    for (const auto& [name, secret] : application.secrets) {
      json::object& out = application_secrets[name].emplace_object();
      out["value"] = reveal(secret.value);
      if (secret.expires) out["expires"] = base::format_rfc3339(*secret.expires);
    }
    for (const auto& [name, pem] : application.certificates) certificates[name] = pem;
    applications[id] = json::object{{"tenant_id", application.tenant_id},
                                    {"object_id", application.object_id},
                                    {"name", application.name},
                                    {"enabled", application.enabled},
                                    {"secrets", std::move(application_secrets)},
                                    {"certificates", std::move(certificates)}};
  }
  for (const auto& [uri, resource] : world.token_resources) {
    resources[uri] = json::object{{"app_id", resource.app_id}, {"token_version", resource.token_version}};
  }
  for (const auto& [host, vault] : world.vaults) {
    json::object values;
    for (const auto& [name, value] : vault.secrets) values[name] = reveal(value);
    vaults[host] = json::object{
        {"tenant_id", vault.tenant_id}, {"secrets", std::move(values)}, {"readers", write_texts(vault.readers)}};
  }
  const Settings& settings = world.settings;
  json::object settings_out{{"operation_duration_ms", settings.operation_duration.count()},
                            {"propagation_delay_ms", settings.propagation_delay.count()},
                            {"retry_after_seconds", nullptr},
                            {"managed_identity_lifetime_seconds", settings.managed_identity_lifetime.count()},
                            {"application_lifetime_seconds", settings.application_lifetime.count()},
                            {"list_page_size", settings.list_page_size},
                            {"imds_resource_ids", settings.imds_resource_ids},
                            {"token_resource_ids", settings.token_resource_ids}};
  if (settings.retry_after) settings_out["retry_after_seconds"] = settings.retry_after->count();
  return {{"tenants", std::move(tenants)},
          {"subscriptions", std::move(subscriptions)},
          {"user_assigned_identities", std::move(identities)},
          {"refused_identities", std::move(refusals)},
          {"machines", std::move(machines)},
          {"nodes", std::move(nodes)},
          {"applications", std::move(applications)},
          {"role_assignments", write_role_assignments(world.role_assignments)},
          {"deny_assignments", write_role_assignments(world.deny_assignments)},
          {"token_resources", std::move(resources)},
          {"vaults", std::move(vaults)},
          {"settings", std::move(settings_out)}};
}

json::value merge_patch(json::value target, const json::value& patch) {
  json::value wanted = patch;
  drop_hidden(wanted);
  merge_into(target, wanted);
  return target;
}

}  // namespace podid::lab::azure
