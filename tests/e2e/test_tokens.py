# SPDX-License-Identifier: Apache-2.0
"""Pods get tokens of what they are bound to, through the real redirect, on a VM and on a scale set."""
import pathlib

import pytest
from manifests import binding, exception, managed_identity, secret, service_principal

NODES = ["node-a", "node-b"]


@pytest.fixture
def bound_pod(lab, names, namespace):
    """Applies the objects and starts pod "app" with the label that their binding selects."""
    def start(node, *objects):
        lab.apply(list(objects) + [binding("app", objects[0]["metadata"]["name"], f"app-{namespace}", namespace=namespace)])
        lab.add_pod("app", node, {"aadpodidbinding": f"app-{namespace}"}, namespace=namespace)
    return start


@pytest.mark.parametrize("node", NODES)
def test_managed_identity(lab, names, namespace, bound_pod, node):
    identity = names["identities"]["app-one"]
    bound_pod(node, managed_identity("one", identity, namespace))
    token = lab.token("app", namespace=namespace)
    assert token.status == 200, token
    assert token.claims()["appid"] == identity["clientID"]
    assert lab.read_secret("app", token, namespace=namespace).status == 200


def test_answer_has_the_form_of_the_real_endpoint(lab, names, namespace, bound_pod):
    bound_pod("node-a", managed_identity("one", names["identities"]["app-one"], namespace))
    token = lab.token("app", namespace=namespace)
    assert list(token.json()) == ["access_token", "refresh_token", "expires_in", "expires_on", "not_before", "resource", "token_type"]
    assert all(isinstance(value, str) for value in token.json().values())
    assert token.json()["resource"].rstrip("/") == "https://vault.azure.net"


@pytest.mark.parametrize("node", NODES)
def test_service_principal_with_secret(lab, names, namespace, bound_pod, node):
    principal = names["servicePrincipals"]["pod-secret"]
    bound_pod(node, service_principal("sp", principal["clientID"], names["tenantID"], "credentials", namespace=namespace),
              secret("credentials", {"clientSecret": principal["clientSecret"]}, namespace))
    token = lab.token("app", namespace=namespace)
    assert token.status == 200, token
    assert token.claims()["appid"] == principal["clientID"]
    assert token.claims()["appidacr"] == "1"
    assert lab.read_secret("app", token, namespace=namespace).status == 200


def test_service_principal_with_certificate(lab, names, namespace, bound_pod):
    principal = names["servicePrincipals"]["pod-certificate"]
    store = pathlib.Path(lab.directory, "pod-certificate.p12").read_bytes()
    bound_pod("node-a", service_principal("sp", principal["clientID"], names["tenantID"], "credentials", type=2, namespace=namespace),
              secret("credentials", {"certificate": store, "password": ""}, namespace))
    token = lab.token("app", namespace=namespace)
    assert token.status == 200, token
    assert token.claims()["appid"] == principal["clientID"]
    assert token.claims()["appidacr"] == "2"


def test_wrong_secret_is_refused_with_the_directorys_reason(lab, names, namespace, bound_pod):
    principal = names["servicePrincipals"]["pod-secret"]
    bound_pod("node-a", service_principal("sp", principal["clientID"], names["tenantID"], "credentials", namespace=namespace),
              secret("credentials", {"clientSecret": "wrong"}, namespace))
    token = lab.token("app", namespace=namespace)
    assert token.status == 403
    assert "AADSTS7000215" in token.body
    assert "wrong" not in token.body.replace("wrong client secret", "")


def test_selectors_choose_among_several_identities(lab, names, namespace):
    one, two = names["identities"]["app-one"], names["identities"]["app-two"]
    lab.apply([managed_identity("one", one, namespace), managed_identity("two", two, namespace),
               binding("one", "one", f"both-{namespace}", namespace), binding("two", "two", f"both-{namespace}", namespace)])
    lab.add_pod("app", "node-a", {"aadpodidbinding": f"both-{namespace}"}, namespace=namespace)
    for selector in ({"client_id": two["clientID"]}, {"client_id": two["clientID"].upper()}, {"msi_res_id": two["resourceID"]},
                     {"mi_res_id": two["resourceID"].lower()}):
        token = lab.token("app", namespace=namespace, **selector)
        assert token.status == 200, (selector, token)
        assert token.claims()["appid"] == two["clientID"], selector
    assert lab.token("app", namespace=namespace, client_id=one["clientID"]).claims()["appid"] == one["clientID"]


def test_pod_without_binding_is_refused_at_once_with_the_reason(lab, namespace):
    lab.add_pod("stray", "node-a", namespace=namespace)
    refused = lab.token("stray", namespace=namespace, max_time=10)
    assert refused.status == 400
    answer = refused.json()
    assert answer["error"] == "invalid_request"
    assert "aadpodidbinding" in answer["error_description"] and f"podid explain pod stray -n {namespace}" in answer["error_description"]


def test_identity_of_another_pod_is_refused(lab, names, namespace, bound_pod):
    other = names["identities"]["app-two"]
    bound_pod("node-a", managed_identity("one", names["identities"]["app-one"], namespace))
    assert lab.token("app", namespace=namespace).status == 200
    refused = lab.token("app", namespace=namespace, client_id=other["clientID"])
    assert refused.status == 400, refused
    assert "Identity not found" in refused.json()["error_description"]


def test_missing_header_and_resource(lab, namespace):
    lab.add_pod("app", "node-a", namespace=namespace)
    url = "http://169.254.169.254/metadata/identity/oauth2/token"
    assert lab.curl("app", url, namespace=namespace).json() == {
        "error": "invalid_request", "error_description": "Required metadata header not specified"}
    assert lab.curl("app", url, "-H", "Metadata: true", namespace=namespace).status == 400


def test_other_metadata_is_proxied(lab, namespace):
    lab.add_pod("app", "node-a", namespace=namespace)
    answer = lab.curl("app", "http://169.254.169.254/metadata/instance/compute/name?api-version=2021-02-01&format=text",
                      "-H", "Metadata: true", namespace=namespace)
    assert (answer.status, answer.body) == (200, "node-a")


def test_excepted_pod_gets_the_nodes_identity(lab, names, namespace):
    lab.apply([exception("agents", {"app": "agent"}, namespace)])
    lab.add_pod("agent", "node-a", {"app": "agent"}, namespace=namespace)
    own = names["identities"]["node-identity"]
    token = lab.wait_for_token("the exception seen", "agent", namespace, client_id=own["clientID"])
    assert token.claims()["appid"] == own["clientID"]


def test_issuances_are_counted_as_events_on_the_binding(lab, names, namespace, bound_pod):
    bound_pod("node-a", managed_identity("one", names["identities"]["app-one"], namespace))
    issued = 7
    for _ in range(issued):
        assert lab.token("app", namespace=namespace).status == 200

    def counted():
        events = lab.get("events", namespace=namespace)["items"]
        return sum(e.get("series", {"count": 1})["count"] for e in events if e["reason"] == "TokenIssued" and e["involvedObject"]["kind"] == "AzureIdentityBinding")
    lab.wait("all issuances counted", lambda: counted() == issued, patience=60)
    assert "TokenIssued" in lab.kubectl("describe", "azureidentitybinding", "app", "-n", namespace).stdout
