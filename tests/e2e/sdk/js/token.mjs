// SPDX-License-Identifier: Apache-2.0
// usage: node token.mjs managed|default SCOPE [client_id|resource_id|object_id VALUE]
// Prints one JSON line: {"ok":true,"token":…,"expires":seconds} or {"ok":false,"error":…}.
import { DefaultAzureCredential, ManagedIdentityCredential } from "@azure/identity";

const [kind, scope, selector, value] = process.argv.slice(2);
const names = { client_id: "clientId", resource_id: "resourceId", object_id: "objectId" };
const defaults = { client_id: "managedIdentityClientId", resource_id: "managedIdentityResourceId" };
const options = selector ? { [(kind === "managed" ? names : defaults)[selector]]: value } : {};
const credential = kind === "managed" ? new ManagedIdentityCredential(options) : new DefaultAzureCredential(options);
try {
  const token = await credential.getToken(scope);
  console.log(JSON.stringify({ ok: true, token: token.token, expires: Math.floor(token.expiresOnTimestamp / 1000) }));
} catch (error) {
  console.log(JSON.stringify({ ok: false, error: String(error) }));
}
