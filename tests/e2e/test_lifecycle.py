# SPDX-License-Identifier: Apache-2.0
"""Assignments follow pods, identities and bindings; Azure follows assignments."""
import pytest
from azure_view import attached
from manifests import binding, managed_identity


@pytest.fixture
def one(lab, names, namespace):
    """Identity and binding "one" for the label one-<namespace>."""
    lab.apply([managed_identity("one", names["identities"]["app-one"], namespace), binding("one", "one", f"one-{namespace}", namespace)])
    return {"aadpodidbinding": f"one-{namespace}"}


@pytest.mark.parametrize("node", ["node-a", "node-b"])
def test_deleted_pod_takes_its_identity_off_the_machine(lab, names, namespace, one, node):
    lab.add_pod("app", node, one, namespace=namespace)
    lab.wait("assigned", lambda: lab.assigned().get(f"app-{namespace}-one") == "Assigned")
    assert "app-one" in attached(lab, names, node)
    lab.remove_pod("app", namespace=namespace)
    lab.wait("object gone and identity detached",
             lambda: f"app-{namespace}-one" not in lab.assigned() and "app-one" not in attached(lab, names, node))


def test_identity_stays_while_another_pod_on_the_machine_uses_it(lab, names, namespace, one):
    for pod in ("first", "second"):
        lab.add_pod(pod, "node-a", one, namespace=namespace)
    lab.wait("both assigned", lambda: [lab.assigned().get(f"{p}-{namespace}-one") for p in ("first", "second")] == ["Assigned"] * 2)
    lab.remove_pod("first", namespace=namespace)
    lab.wait("first's object gone", lambda: f"first-{namespace}-one" not in lab.assigned())
    assert "app-one" in attached(lab, names, "node-a")
    assert lab.token("second", namespace=namespace).status == 200


def test_the_nodes_own_identities_are_never_touched(lab, names, namespace, one):
    lab.add_pod("app", "node-a", one, namespace=namespace)
    lab.wait("assigned", lambda: lab.assigned().get(f"app-{namespace}-one") == "Assigned")
    lab.remove_pod("app", namespace=namespace)
    lab.wait("detached", lambda: "app-one" not in attached(lab, names, "node-a"))
    assert "node-identity" in attached(lab, names, "node-a")


def test_deleted_binding_withdraws_the_identity(lab, names, namespace, one):
    lab.add_pod("app", "node-a", one, namespace=namespace)
    assert lab.token("app", namespace=namespace).status == 200
    lab.kubectl("delete", "azureidentitybinding", "one", "-n", namespace)
    lab.wait("object gone", lambda: f"app-{namespace}-one" not in lab.assigned())
    lab.wait("refused", lambda: lab.token("app", namespace=namespace, max_time=60).status in (400, 404))


def test_edited_identity_is_used_for_the_next_token(lab, names, namespace, one):
    lab.add_pod("app", "node-a", one, namespace=namespace)
    assert lab.token("app", namespace=namespace).claims()["appid"] == names["identities"]["app-one"]["clientID"]
    lab.apply([managed_identity("one", names["identities"]["app-two"], namespace)])
    wanted = names["identities"]["app-two"]["clientID"]
    lab.wait("a token of the new identity", lambda: lab.token("app", namespace=namespace).claims()["appid"] == wanted)


def test_changed_label_moves_to_the_other_identity(lab, names, namespace, one):
    lab.apply([managed_identity("two", names["identities"]["app-two"], namespace), binding("two", "two", f"two-{namespace}", namespace)])
    lab.add_pod("app", "node-a", one, namespace=namespace)
    assert lab.token("app", namespace=namespace).status == 200
    lab.kubectl("label", "pod", "app", "-n", namespace, "--overwrite", f"aadpodidbinding=two-{namespace}")
    lab.wait("assignments follow", lambda: {n: s for n, s in lab.assigned().items() if f"app-{namespace}" in n} == {f"app-{namespace}-two": "Assigned"})
    assert lab.token("app", namespace=namespace).claims()["appid"] == names["identities"]["app-two"]["clientID"]


def test_pod_churn_settles(lab, names, namespace, one):
    for round_number in range(3):
        pods = [f"p{i}" for i in range(6)]
        for i, pod in enumerate(pods):
            lab.add_pod(pod, "node-a" if i % 2 else "node-b", one, namespace=namespace)
        for pod in pods:
            token = lab.token(pod, namespace=namespace)
            assert token.status == 200, (round_number, pod, token)
            assert token.claims()["appid"] == names["identities"]["app-one"]["clientID"]
        for pod in pods:
            lab.remove_pod(pod, namespace=namespace)
    lab.wait("nothing left", lambda: not [n for n in lab.assigned() if f"-{namespace}-" in n])


def test_broken_objects_do_not_stop_the_others(lab, names, namespace, one):
    lab.apply([managed_identity("broken", {"resourceID": "not-an-id", "clientID": "x"}, namespace),
               binding("broken", "broken", f"broken-{namespace}", namespace)])
    lab.add_pod("broken", "node-a", {"aadpodidbinding": f"broken-{namespace}"}, namespace=namespace)
    lab.add_pod("app", "node-a", one, namespace=namespace)
    assert lab.token("app", namespace=namespace).status == 200
    assert f"broken-{namespace}-broken" not in lab.assigned()
