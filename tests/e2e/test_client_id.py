# SPDX-License-Identifier: Apache-2.0
"""A tenant may create AzureIdentities in his own namespace and names another identity's client ID beside a resource ID of his
own: what the resource ID names is what is issued, or nothing (SEC-1)."""
import pytest

from lab import Lab, temporary_lab
from manifests import binding, managed_identity

MINE = "app-one"
TEAM = "app-two"  # another team's
NODE = "node-identity"  # on every node, as the kubelet's is; in labs of their own alone, as who binds it takes it off with his last pod
REFUSAL = "spec.clientID is not the client ID of the identity that spec.resourceID names"


def evil(names: dict, namespace: str, victim: str) -> dict:
    identities = names["identities"]
    return managed_identity("evil", {"resourceID": identities[MINE]["resourceID"], "clientID": identities[victim]["clientID"]}, namespace)


def add_victim_pod(lab: Lab, names: dict, namespace: str, label: str, victim: str) -> None:
    """Its identity is on node-a then, and its token in the cache there."""
    lab.apply([managed_identity("victim", names["identities"][victim], namespace), binding("victim", "victim", label, namespace)])
    lab.add_pod("victim", "node-a", {"aadpodidbinding": label}, namespace=namespace)
    token = lab.wait_for_token("the victim's", "victim", namespace=namespace)
    assert token.claims()["appid"] == names["identities"][victim]["clientID"]


def add_evil_pod(lab: Lab, names: dict, namespace: str, label: str, victim: str) -> None:
    lab.apply([evil(names, namespace, victim), binding("evil", "evil", label, namespace)])
    lab.add_pod("evil", "node-a", {"aadpodidbinding": label}, namespace=namespace)


def expect_refusal(lab: Lab, names: dict, namespace: str, victim: str) -> None:
    """In every form of request, from the pod and from the host, and at once."""
    identities = names["identities"]
    for selectors in ({}, {"client_id": identities[victim]["clientID"]}, {"mi_res_id": identities[MINE]["resourceID"]}, {"bypass_cache": "true"}):
        refused = lab.token("evil", namespace=namespace, max_time=10, **selectors)
        assert refused.status == 403 and REFUSAL in refused.body, (selectors, refused)
    by_victims_resource = lab.token("evil", namespace=namespace, mi_res_id=identities[victim]["resourceID"])
    assert by_victims_resource.status != 200 and "access_token" not in by_victims_resource.body


def events(lab: Lab, kind: str, namespace: str) -> list[dict]:
    return [event for event in lab.get("events", namespace=namespace)["items"]
            if event["reason"] == "ClientIDMismatch" and event["involvedObject"]["kind"] == kind]


def expect_events(lab: Lab, namespace: str) -> None:
    for kind in ("AzureIdentity", "AzureIdentityBinding"):
        found = lab.wait(f"an event on the {kind}", lambda kind=kind: events(lab, kind, namespace))
        assert found[0]["type"] == "Warning" and REFUSAL in found[0]["message"], found


def attach(lab: Lab, names: dict, *identities: str) -> None:
    """As an operator does where no MIC runs."""
    machines = lab.azure("/_lab/world")["machines"]
    for machine in machines.values():
        machine["user_assigned_identities"] = [names["identities"][name]["resourceID"] for name in identities]
    lab.azure("/_lab/world", {"machines": machines})


def test_standard_mode(lab, names, namespace):
    add_victim_pod(lab, names, namespace, f"victim-{namespace}", TEAM)
    add_evil_pod(lab, names, namespace, f"evil-{namespace}", TEAM)
    lab.wait("the controller has seen it", lambda: events(lab, "AzureIdentity", namespace))
    expect_refusal(lab, names, namespace, TEAM)
    expect_events(lab, namespace)
    assert {name: state for name, state in lab.assigned().items() if name.startswith(f"evil-{namespace}-")} == {f"evil-{namespace}-evil": "Created"}
    # An edit heals it.
    lab.apply([managed_identity("evil", names["identities"][MINE], namespace)])
    token = lab.wait_for_token("the AzureIdentity is right", "evil", namespace=namespace)
    assert token.claims()["appid"] == names["identities"][MINE]["clientID"]
    # And an edit takes it away again.
    lab.apply([evil(names, namespace, TEAM)])
    lab.wait("the assignment is made anew", lambda: lab.assigned()[f"evil-{namespace}-evil"] == "Created")
    expect_refusal(lab, names, namespace, TEAM)


def test_an_assignment_of_an_older_controller(lab, names, namespace):
    """One that compared nothing has written Assigned."""
    add_victim_pod(lab, names, namespace, f"victim-{namespace}", TEAM)
    add_evil_pod(lab, names, namespace, f"evil-{namespace}", TEAM)
    lab.wait("the controller has seen it", lambda: events(lab, "AzureIdentity", namespace))
    for mic in ("mic-0", "mic-1"):
        lab.stop(mic)
    try:
        lab.kubectl("patch", "azureassignedidentity", f"evil-{namespace}-evil", "--type=merge", "-p",
                    '{"status":{"status":"Assigned"},"metadata":{"annotations":{"aadpodidentity.k8s.io/azure-client-id":null}}}')
        def refused() -> float | None:
            lab.token("evil", namespace=namespace, max_time=10)
            return lab.nmi_metrics("node-a").get('aadpodidentity_nmi_refusals_total{reason="client_id_mismatch"}')
        lab.wait("the NMI's own refusal", refused)
        expect_refusal(lab, names, namespace, TEAM)
    finally:
        for mic in ("mic-0", "mic-1"):
            lab.start(mic)


@pytest.mark.parametrize("mode", ["namespaced", "managed"])
def test_other_modes(mode):
    flags = ["--nmi-flag=--forceNamespaced"]
    flags += ["--mics", "0", "--nmi-flag=--operation-mode=managed"] if mode == "managed" else ["--mic-flag=--forceNamespaced"]
    with temporary_lab(f"e2ecid{mode[0]}", "--nodes", "1", *flags) as lab:
        names = lab.names()
        if mode == "managed":
            attach(lab, names, NODE, MINE)
        lab.kubectl("create", "namespace", "team")
        add_victim_pod(lab, names, "team", "victim", NODE)
        lab.kubectl("create", "namespace", "tenant")
        add_evil_pod(lab, names, "tenant", "evil", NODE)
        lab.wait("known", lambda: REFUSAL in lab.token("evil", namespace="tenant", max_time=60).body)
        expect_refusal(lab, names, "tenant", NODE)
        expect_events(lab, "tenant")
        lab.apply([managed_identity("evil", names["identities"][MINE], "tenant")])
        token = lab.wait_for_token("the AzureIdentity is right", "evil", namespace="tenant")
        assert token.claims()["appid"] == names["identities"][MINE]["clientID"]


def test_never_issue_and_an_endpoint_without_resource_ids():
    with temporary_lab("e2ecidno", "--nodes", "1") as lab:
        names = lab.names()
        lab.azure("/_lab/world", {"settings": {"imds_resource_ids": False}})
        lab.apply([managed_identity("one", names["identities"][MINE]), binding("one", "one", "one")])
        lab.add_pod("one", labels={"aadpodidbinding": "one"})
        token = lab.token("one")
        assert token.status == 200 and token.claims()["appid"] == names["identities"][MINE]["clientID"], token
        add_evil_pod(lab, names, "default", "evil", NODE)
        lab.wait("the controller has seen it", lambda: events(lab, "AzureIdentity", "default"))
        expect_refusal(lab, names, "default", NODE)
        # Tokens that do not say either whose they are: the client ID is only what an AzureIdentity says.
        lab.azure("/_lab/world", {"settings": {"imds_resource_ids": False, "token_resource_ids": False}})
        untold = lab.token("one", "https://storage.azure.com/")
        assert untold.status == 403 and "does not say which identity it is of" in untold.body, untold
    flag = "--nmi-flag=--never-issue=" + names["identities"][NODE]["clientID"].upper()
    with temporary_lab("e2ecidno", "--nodes", "1", flag) as lab:
        names = lab.names()
        lab.apply([managed_identity(n, names["identities"][i]) for n, i in (("one", MINE), ("node", NODE))] +
                  [binding(n, n, n) for n in ("one", "node")])
        for pod in ("one", "node"):
            lab.add_pod(pod, labels={"aadpodidbinding": pod})
        assert lab.token("one").status == 200
        refused = lab.token("node")
        assert refused.status == 403 and "--never-issue" in refused.body, refused
