# SPDX-License-Identifier: Apache-2.0
"""The objects that operators write, as aad-pod-identity v1 has them."""
from __future__ import annotations

import base64
from typing import Any

GROUP = "aadpodidentity.k8s.io/v1"


def managed_identity(name: str, identity: dict[str, str], namespace: str = "default", **metadata: Any) -> dict[str, Any]:
    """Type 0. `identity` is an entry of names.json."""
    return {"apiVersion": GROUP, "kind": "AzureIdentity", "metadata": {"name": name, "namespace": namespace, **metadata},
            "spec": {"type": 0, "resourceID": identity["resourceID"], "clientID": identity["clientID"]}}


def service_principal(name: str, client_id: str, tenant_id: str, secret_name: str, type: int = 1, namespace: str = "default") -> dict[str, Any]:
    """Type 1 (client secret) or 2 (certificate)."""
    return {"apiVersion": GROUP, "kind": "AzureIdentity", "metadata": {"name": name, "namespace": namespace},
            "spec": {"type": type, "clientID": client_id, "tenantID": tenant_id,
                     "clientPassword": {"name": secret_name, "namespace": namespace}}}


def binding(name: str, identity: str, selector: str, namespace: str = "default") -> dict[str, Any]:
    return {"apiVersion": GROUP, "kind": "AzureIdentityBinding", "metadata": {"name": name, "namespace": namespace},
            "spec": {"azureIdentity": identity, "selector": selector}}


def exception(name: str, labels: dict[str, str], namespace: str = "default") -> dict[str, Any]:
    return {"apiVersion": GROUP, "kind": "AzurePodIdentityException", "metadata": {"name": name, "namespace": namespace},
            "spec": {"podLabels": labels}}


def secret(name: str, data: dict[str, str | bytes], namespace: str = "default") -> dict[str, Any]:
    def encode(value: str | bytes) -> str:
        return base64.b64encode(value if isinstance(value, bytes) else value.encode()).decode()
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}, "type": "Opaque",
            "data": {key: encode(value) for key, value in data.items()}}
