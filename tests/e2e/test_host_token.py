# SPDX-License-Identifier: Apache-2.0
"""/host/token: a process of the node asks for the token of a pod that runs on it (docs/operating-nmi.md)."""
import json

import pytest
from lab import VAULT, claims_of, temporary_lab
from manifests import binding, managed_identity

PATH = f"/host/token?resource={VAULT}"
ON_THE_NODE = f"http://127.0.0.1:2579{PATH}"


@pytest.fixture
def app(lab, names, namespace):
    """Pod "app" on node-a with identity app-one."""
    lab.apply([managed_identity("one", names["identities"]["app-one"], namespace), binding("one", "one", f"one-{namespace}", namespace)])
    lab.add_pod("app", "node-a", {"aadpodidbinding": f"one-{namespace}"}, namespace=namespace)
    return names["identities"]["app-one"]["clientID"]


def ask(lab, node, *headers):
    """Status and JSON of the answer to a process of the node."""
    options = [word for header in headers for word in ("-H", header)]
    said = lab.node_exec(node, "curl", "-sS", "--max-time", "100", "-w", "\n%{http_code}", *options, ON_THE_NODE).stdout
    body, _, status = said.rpartition("\n")
    return int(status), json.loads(body)


def test_process_of_the_node_gets_the_token_of_a_pod_there(lab, namespace, app):
    status, answer = ask(lab, "node-a", f"podns: {namespace}", "podname: app")
    assert status == 200, answer
    assert list(answer) == ["token", "clientid"]
    assert answer["clientid"] == app
    assert claims_of(answer["token"]["access_token"])["appid"] == app
    assert list(answer["token"]) == list(lab.token("app", namespace=namespace).json())


def test_pod_of_another_node_is_refused(lab, namespace, app):
    assert lab.token("app", namespace=namespace).status == 200
    status, answer = ask(lab, "node-b", f"podns: {namespace}", "podname: app")
    assert status == 404
    assert f"pod {namespace}/app is not on this node" in answer["error_description"]


def test_pod_that_is_gone_or_never_was_is_refused(lab, namespace, app):
    assert ask(lab, "node-a", f"podns: {namespace}", "podname: app")[0] == 200
    lab.remove_pod("app", namespace=namespace)
    for pod in ("app", "ghost"):
        status, answer = ask(lab, "node-a", f"podns: {namespace}", f"podname: {pod}")
        assert status == 404, pod
        assert f"pod {namespace}/{pod} is not on this node" in answer["error_description"]


def test_both_headers_are_needed(lab):
    for headers in ((), ("podns: default",), ("podname: app",), ("podns: default", "podname;")):  # ";": curl's empty value
        status, answer = ask(lab, "node-a", *headers)
        assert status == 400, headers
        assert answer["error_description"] == "missing 'podname' and 'podns' from request header"


def test_pods_get_none_not_even_their_own(lab, namespace, app):
    assert lab.token("app", namespace=namespace).status == 200
    refused = lab.curl("app", f"http://169.254.169.254{PATH}", "-H", f"podns: {namespace}", "-H", "podname: app",
                       "-H", "X-Forwarded-For: 127.0.0.1", namespace=namespace)
    assert refused.status == 500
    assert refused.json()["error_description"] == "request remote address is not from a host"


def test_at_a_socket_to_the_users_that_the_operator_names_and_to_nobody_by_tcp(tmp_path):
    path = tmp_path / "host.sock"
    with temporary_lab("e2ehost", "--nodes", "1", f"--nmi-flag=--host-token-socket={path}", "--nmi-flag=--enable-host-token=false") as lab:
        one = lab.names()["identities"]["app-one"]
        lab.apply([managed_identity("one", one), binding("one", "one", "one")])
        lab.add_pod("app", labels={"aadpodidbinding": "one"})
        lab.wait_for_token("the identity is assigned", "app")
        command = ("curl", "-sS", "--unix-socket", str(path), "-H", "podns: default", "-H", "podname: app", f"http://localhost{PATH}")
        answer = json.loads(lab.node_exec("node-a", *command).stdout)
        assert claims_of(answer["token"]["access_token"])["appid"] == one["clientID"]
        assert lab.node_exec("node-a", "setpriv", "--reuid=1000", "--clear-groups", *command, check=False).returncode != 0
        status, answer = ask(lab, "node-a", "podns: default", "podname: app")
        assert (status, answer["error_description"]) == (404, "host tokens are switched off")
