# SPDX-License-Identifier: Apache-2.0
"""Attacks that the NMI withstands as a whole (docs/threat-model.md); those on one part of it are tested beside that part."""
from __future__ import annotations

import json
import pathlib
import re
import stat

import pytest
from lab import VAULT, Lab
from manifests import binding, managed_identity, secret, service_principal

# A JWT's header, in base64url, begins with {".
JWT = re.compile(r"eyJ[\w-]{8,}\.")


@pytest.fixture
def issuing(lab: Lab, names: dict, namespace: str) -> list[str]:
    """Pods with identities of each type have asked, in ways that succeed and that fail; gives the secrets that were in use."""
    one, principal = names["identities"]["app-one"], names["servicePrincipals"]["pod-secret"]
    wrong = "a-secret-that-is-wrong-9f0c"
    identities = [managed_identity("one", one, namespace), service_principal("two", principal["clientID"], names["tenantID"], "good", namespace=namespace),
                  service_principal("three", principal["clientID"], names["tenantID"], "wrong", namespace=namespace),
                  secret("good", {"clientSecret": principal["clientSecret"]}, namespace), secret("wrong", {"clientSecret": wrong}, namespace)]
    lab.apply(identities + [binding(name, name, f"{name}-{namespace}", namespace) for name in ("one", "two", "three")])
    for name, status in (("one", 200), ("two", 200), ("three", 403)):
        lab.add_pod(name, "node-a", {"aadpodidbinding": f"{name}-{namespace}"}, namespace=namespace)
        assert lab.token(name, namespace=namespace).status == status, name
    lab.node_exec("node-a", "curl", "-sS", "-H", f"podns: {namespace}", "-H", "podname: one", f"http://127.0.0.1:2579/host/token?resource={VAULT}")
    lab.wait("events of the binding and of the refused pod", lambda: {"TokenIssued", "TokenDenied", "TokenFailed"}.intersection(
        event["reason"] for event in lab.get("events", namespace=namespace)["items"] if event["involvedObject"]["name"] in ("one", "three")))
    return [principal["clientSecret"], wrong]


def test_logs_events_and_metrics_hold_no_token_and_no_secret(lab: Lab, issuing: list[str]) -> None:
    texts = {str(path): path.read_text(errors="replace") for path in pathlib.Path(lab.directory, "logs").rglob("*")
             if path.is_file() and not path.name.startswith(("apiserver", "kube-apiserver", "etcd"))}
    texts["events"] = lab.kubectl("get", "events", "-A", "-o", "json").stdout
    texts["metrics"] = lab.node_exec("node-a", "curl", "-sS", "http://127.0.0.1:9090/metrics").stdout
    assert any("nmi-node-a" in name for name in texts) and any("mic-0" in name for name in texts), list(texts)
    for name, text in texts.items():
        found = JWT.search(text)
        assert not found, f"{name}: {text[found.start() - 200:found.start() + 40]}"
        for value in (*issuing, "PRIVATE KEY"):
            assert value not in text, name


def test_files_with_secrets_are_for_their_owner_alone(lab: Lab) -> None:
    secret_looking = re.compile(r"kubeconfig|tokens|\.key$|\.p12$|azure\.json|simulator")
    checked = 0
    for path in pathlib.Path(lab.directory).rglob("*"):
        if not path.is_file() or "kubectl-cache" in path.parts:
            continue
        text = path.read_text(errors="replace")
        if secret_looking.search(path.name) or "PRIVATE KEY" in text:
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
            checked += 1
    assert checked >= 5


def test_the_nmi_listens_where_it_says_and_shows_no_profile(lab: Lab) -> None:
    listening = lab.node_exec("node-a", "ss", "-Hltnp").stdout
    ours = [line for line in listening.splitlines() if '"nmi' in line]
    assert all('(("nmi-server"' in line for line in ours), f"the keeper listens nowhere: {listening}"
    ports = {line.split()[3] for line in ours}
    assert {address for address in ports if address.startswith("127.0.0.1:")} == {"127.0.0.1:2579"}, listening
    assert {address.rsplit(":", 1)[1] for address in ports} == {"2579", "8085", "9090"}, listening
    for port in (8085, 9090):
        status = lab.node_exec("node-a", "curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", f"http://127.0.0.1:{port}/debug/pprof/").stdout
        assert status == "404", port


def test_a_secret_of_another_namespace_is_refused_alike_whether_it_exists(lab: Lab, names: dict, namespace: str) -> None:
    """No oracle: what is refused tells nothing about what others have."""
    principal = names["servicePrincipals"]["pod-secret"]
    lab.kubectl("create", "namespace", f"{namespace}-victim")
    lab.apply([secret("there", {"clientSecret": principal["clientSecret"]}, f"{namespace}-victim")])
    told = []
    for name in ("there", "gone"):
        identity = service_principal(name, principal["clientID"], names["tenantID"], name, namespace=namespace)
        identity["spec"]["clientPassword"]["namespace"] = f"{namespace}-victim"
        lab.apply([identity, binding(name, name, f"{name}-{namespace}", namespace)])
        lab.add_pod(name, "node-a", {"aadpodidbinding": f"{name}-{namespace}"}, namespace=namespace)
        answer = lab.token(name, namespace=namespace)
        assert answer.status in (403, 503) and "access_token" not in answer.body, answer
        told.append((answer.status, json.dumps(answer.json()).replace(name, "NAME")))
    assert told[0] == told[1]
    lab.kubectl("delete", "secret", "there", "-n", f"{namespace}-victim")
