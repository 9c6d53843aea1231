# SPDX-License-Identifier: Apache-2.0
"""usage: token_client.py managed|default|managed-async SCOPE [client_id|resource_id|object_id VALUE]

Prints one JSON line: {"ok":true,"token":…,"expires":seconds} or {"ok":false,"error":…}.
"""
import asyncio
import json
import sys

import azure.identity
import azure.identity.aio


def options(kind: str, selector: str | None, value: str | None) -> dict:
    if not selector:
        return {}
    if kind == "default":
        return {"managed_identity_client_id": value}
    if selector == "client_id":
        return {"client_id": value}
    return {"identity_config": {selector: value}}


async def get_async(scope: str, chosen: dict):
    async with azure.identity.aio.ManagedIdentityCredential(**chosen) as credential:
        return await credential.get_token(scope)


def main() -> None:
    kind, scope, *rest = sys.argv[1:]
    chosen = options(kind, *(rest or (None, None)))
    try:
        if kind == "managed-async":
            token = asyncio.run(get_async(scope, chosen))
        elif kind == "managed":
            token = azure.identity.ManagedIdentityCredential(**chosen).get_token(scope)
        else:
            token = azure.identity.DefaultAzureCredential(**chosen).get_token(scope)
        print(json.dumps({"ok": True, "token": token.token, "expires": token.expires_on}))
    except Exception as error:  # whatever the SDK throws is what its user sees
        print(json.dumps({"ok": False, "error": str(error)}))


main()
