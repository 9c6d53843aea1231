# SPDX-License-Identifier: Apache-2.0
"""Processes end, by signal or crash; access stays closed to the wrong pod and comes back for the right one."""
import json

import pytest
from manifests import binding, managed_identity
from pod_load import PodLoad


@pytest.fixture
def app(lab, names, namespace):
    """Pod "app" on node-a with identity app-one, serving."""
    lab.apply([managed_identity("one", names["identities"]["app-one"], namespace), binding("one", "one", f"one-{namespace}", namespace)])
    lab.add_pod("app", "node-a", {"aadpodidbinding": f"one-{namespace}"}, namespace=namespace)
    assert lab.token("app", namespace=namespace).status == 200
    return names["identities"]["app-one"]["clientID"]


@pytest.mark.parametrize("signal", ["TERM", "KILL"])
def test_stopped_nmi_closes_the_endpoint_and_a_new_one_opens_it(lab, namespace, app, signal):
    lab.stop("nmi-node-a", signal)
    try:
        refused = lab.token("app", namespace=namespace, max_time=10)
        assert refused.connection_refused, refused
        ruleset = lab.node_exec("node-a", "nft", "list", "ruleset").stdout
        assert "169.254.169.254" in ruleset
    finally:
        lab.start("nmi-node-a")
    assert lab.token("app", namespace=namespace).claims()["appid"] == app


def test_no_token_of_another_pod_while_the_nmi_is_killed_and_restarted(lab, names, namespace, app):
    other = names["identities"]["app-two"]
    lab.apply([managed_identity("two", other, namespace), binding("two", "two", f"two-{namespace}", namespace)])
    lab.add_pod("other", "node-a", {"aadpodidbinding": f"two-{namespace}"}, namespace=namespace)
    assert lab.token("other", namespace=namespace).status == 200
    loads = {app: PodLoad(lab, "app", namespace), other["clientID"]: PodLoad(lab, "other", namespace)}
    for signal in ("KILL", "TERM", "KILL"):
        for load in loads.values():
            load.wait_for_progress()
        lab.stop("nmi-node-a", signal)
        lab.start("nmi-node-a")
    for client_id, load in loads.items():
        load.wait_for_progress()
        assert set(load.finish()["tokens"]) == {client_id}


def test_cached_tokens_are_served_while_the_api_server_is_down_and_watches_resume(lab, names, namespace, app):
    lab.stop("apiserver", "KILL")
    try:
        for _ in range(3):
            assert lab.token("app", namespace=namespace).claims()["appid"] == app
    finally:
        lab.start("apiserver")
    lab.wait("API server reachable", lambda: lab.kubectl("get", "nodes").returncode == 0)
    lab.revive()
    lab.apply([managed_identity("two", names["identities"]["app-two"], namespace), binding("two", "two", f"late-{namespace}", namespace)])
    lab.add_pod("late", "node-a", {"aadpodidbinding": f"late-{namespace}"}, namespace=namespace)
    token = lab.wait_for_token("a pod that came later is served", "late", namespace)
    assert token.claims()["appid"] == names["identities"]["app-two"]["clientID"]


def test_a_deleted_binding_revokes_while_no_mic_runs(lab, namespace, app):
    for mic in ("mic-0", "mic-1"):
        lab.stop(mic)
    try:
        lab.kubectl("delete", "azureidentitybinding", "one", "-n", namespace)
        lab.wait("the NMI gives nothing", lambda: lab.token("app", namespace=namespace, max_time=2).status != 200)
        assert lab.assigned()[f"app-{namespace}-one"] == "Assigned", "nobody has taken it away"
        lab.apply([binding("one", "one", f"one-{namespace}", namespace)])
        assert lab.wait_for_token("bound again", "app", namespace).claims()["appid"] == app
    finally:
        for mic in ("mic-0", "mic-1"):
            lab.start(mic)


def holder(lab):
    return lab.get("lease", "aad-pod-identity-mic")["spec"]["holderIdentity"]


@pytest.mark.parametrize("signal", ["KILL", "TERM"])
def test_the_other_mic_takes_over(lab, names, namespace, app, signal):
    leader = holder(lab)
    assert leader in ("mic-0", "mic-1")
    lab.stop(leader, signal)
    try:
        lab.add_pod("late", "node-b", {"aadpodidbinding": f"one-{namespace}"}, namespace=namespace)
        lab.wait("the successor leads", lambda: holder(lab) not in ("", leader))
        token = lab.wait_for_token("the pod that started meanwhile is served", "late", namespace)
        assert token.claims()["appid"] == app
    finally:
        lab.start(leader)


def test_arm_failure_is_told_and_healed(lab, names, namespace):
    lab.apply([managed_identity("three", names["identities"]["app-three"], namespace), binding("three", "three", f"three-{namespace}", namespace)])
    error = json.dumps({"error": {"code": "InternalServerError", "message": "asked for by the test"}})
    lab.azure("/_lab/faults", {"endpoint": "arm.patch", "status": 500, "count": 1, "body": error})
    lab.add_pod("app", "node-a", {"aadpodidbinding": f"three-{namespace}"}, namespace=namespace)
    lab.wait("assigned after the failure", lambda: lab.assigned().get(f"app-{namespace}-three") == "Assigned", patience=120)
