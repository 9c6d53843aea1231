// SPDX-License-Identifier: Apache-2.0
#include "nmi/token/credential.hpp"

#include <gtest/gtest.h>

#include "support/token_builders.hpp"

namespace podid::nmi {
namespace {

core::AzureIdentity service_principal(const std::string& ns, const std::string& name) {
  core::AzureIdentity identity = test::make_identity(ns, name);
  identity.type = core::IdentityType::service_principal_secret;
  identity.client_id = core::ClientId("11111111-0000-0000-0000-000000000000");
  identity.tenant_id = "tenant";
  identity.client_password = {"secret", ns};
  return identity;
}

Credential excepted(std::string_view client_id, std::string_view resource_id = "", std::string_view object_id = "") {
  return node_credential(Credential::For::excepted, core::ClientIdView(client_id), core::ResourceIdView(resource_id),
                         core::ObjectIdView(object_id));
}

TEST(Credential, ManagedIdentitiesShareTokensByWhatIsAskedForAndMustComeBack) {
  core::AzureIdentity one = test::make_identity("a", "one");
  core::AzureIdentity two = test::make_identity("b", "two");
  one.client_id = core::ClientId("AAAA");
  two.client_id = core::ClientId("aaaa");
  two.resource_id = core::ResourceId("/SUBSCRIPTIONS" + one.resource_id.text().substr(14));
  EXPECT_EQ(credential_of(one).key, credential_of(two).key);
  EXPECT_EQ(credential_of(one).resource_id, one.resource_id);
  two.client_id = core::ClientId("bbbb");
  EXPECT_NE(credential_of(one).key, credential_of(two).key);
  two.client_id = {};
  EXPECT_NE(credential_of(one).key, credential_of(two).key);
}

// Naming another identity's client ID beside a resource ID of one's own must not find its token.
TEST(Credential, ManagedIdentitiesWithDifferentResourceIdsShareNothing) {
  core::AzureIdentity victim = test::make_identity("a", "one");
  core::AzureIdentity evil = test::make_identity("b", "two");
  evil.client_id = victim.client_id;
  EXPECT_NE(credential_of(victim).key, credential_of(evil).key);
  evil.resource_id = {};
  EXPECT_NE(credential_of(victim).key, credential_of(evil).key);
  // What stands in one part cannot pass for two.
  for (const char* between : {"\n", "1:", "", "\0"}) {
    evil.client_id = core::ClientId(victim.client_id.text() + between + victim.resource_id.text());
    EXPECT_NE(credential_of(victim).key, credential_of(evil).key) << between;
  }
}

// What an excepted pod gets is not compared with anything: it is nobody else's.
TEST(Credential, TheNodesTokensAreNotThoseOfAnIdentity) {
  core::AzureIdentity identity = test::make_identity("a", "one");
  identity.resource_id = {};
  const Credential controller = node_credential(Credential::For::controller, identity.client_id, {}, {});
  EXPECT_NE(credential_of(identity).key, excepted(identity.client_id.text()).key);
  EXPECT_NE(credential_of(identity).key, controller.key);
  EXPECT_NE(excepted(identity.client_id.text()).key, controller.key);
}

TEST(Credential, ResourceIdSelectsWhereThereIsNoClientId) {
  core::AzureIdentity identity = test::make_identity("a", "one");
  identity.client_id = {};
  EXPECT_EQ(credential_of(identity).resource_id, identity.resource_id);
  EXPECT_NE(credential_of(identity).key, excepted("").key);
}

// Naming a service principal's client ID must not find the token that its owner's secret bought.
TEST(Credential, ServicePrincipalsOfDifferentIdentitiesShareNothing) {
  const core::AzureIdentity own = service_principal("a", "one");
  core::AzureIdentity other = service_principal("b", "one");
  EXPECT_NE(credential_of(own).key, credential_of(other).key);
  other = own;
  other.client_password.name = "another";
  EXPECT_NE(credential_of(own).key, credential_of(other).key);
  other = own;
  other.tenant_id = "elsewhere";
  EXPECT_NE(credential_of(own).key, credential_of(other).key);
  other = own;
  other.auxiliary_tenant_ids = {"t2"};
  EXPECT_NE(credential_of(own).key, credential_of(other).key);
  other = own;
  other.meta.resource_version = "77";
  EXPECT_EQ(credential_of(own).key, credential_of(other).key);
}

TEST(Credential, SecretWithoutNamespaceIsInTheIdentitysOwn) {
  core::AzureIdentity identity = service_principal("a", "one");
  identity.client_password.ns = "";
  EXPECT_EQ(credential_of(identity).secret.ns, "a");
}

TEST(Credential, AuxiliaryTenantsAreForSecretsAlone) {
  core::AzureIdentity identity = service_principal("a", "one");
  identity.auxiliary_tenant_ids = {"t2"};
  identity.type = core::IdentityType::service_principal_certificate;
  EXPECT_TRUE(credential_of(identity).auxiliary_tenant_ids.empty());
}

TEST(Credential, TheNodesEndpointIsGivenOneSelector) {
  const Credential credential = excepted("client", "resource", "object");
  EXPECT_EQ(credential.client_id.text(), "client");
  EXPECT_TRUE(credential.resource_id.empty());
  EXPECT_TRUE(credential.object_id.empty());
  EXPECT_EQ(excepted("", "resource", "object").resource_id.text(), "resource");
  EXPECT_EQ(excepted("", "", "object").object_id.text(), "object");
}

}  // namespace
}  // namespace podid::nmi
