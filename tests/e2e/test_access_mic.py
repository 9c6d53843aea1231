# SPDX-License-Identifier: Apache-2.0
"""The MIC and time boxes: an identity is on the machine when it may be used, and off it afterwards. The lab's clock is driven."""
import datetime

from azure_view import attached
from manifests import binding, managed_identity

OURS = "aadpodidentity.k8s.io"


def limited(name: str, identity: str, selector: str, **access: object) -> dict:
    made = binding(name, identity, selector)
    made["spec"]["access"] = access
    return made


def test_a_window_is_prepared_and_cleaned_up_after(fresh_lab):
    lab, names = fresh_lab, fresh_lab.names()
    day = (lab.now() + datetime.timedelta(days=1)).strftime("%F")

    def at(time: str) -> None:
        lab.set_clock("set", f"{day}T{time}Z")

    def said() -> dict:
        return lab.get("azureidentitybinding", "boxed").get("status", {}).get("access", {})

    at("11:40:00")
    lab.apply([managed_identity("one", names["identities"]["app-one"]),
               {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "calendar", "namespace": "default"},
                "data": {"dates": "2020-12-24 # long ago"}},
               limited("boxed", "one", "boxed", windows=[
                   {"start": "12:00", "end": "12:30", "holidays": {"configMap": "calendar", "key": "dates"}}]),
               binding("always", "one", "always")])
    lab.add_pod("app", "node-a", {"aadpodidbinding": "boxed"})
    lab.wait("held", lambda: lab.assigned().get("app-default-one") == "Created")
    annotations = lab.get("azureassignedidentity", "app-default-one")["metadata"]["annotations"]
    assert annotations[f"{OURS}/access"] == f"closed until {day}T12:00:00Z"
    assert "2020-12-24" in annotations[f"{OURS}/holidays"]
    lab.wait("told", lambda: said().get("open") is False and said()["nextTransition"] == f"{day}T12:00:00Z")
    assert "app-one" not in attached(lab, names, "node-a")

    at("11:59:10")
    lab.wait("attached ahead of the window", lambda: lab.assigned()["app-default-one"] == "Assigned")
    assert "app-one" in attached(lab, names, "node-a") and lab.now().minute == 59
    at("12:00:10")
    lab.wait("open", lambda: said().get("open") is True)

    # One that may always use it; and the controller begins anew in between.
    lab.add_pod("other", "node-a", {"aadpodidbinding": "always"})
    lab.wait("assigned", lambda: lab.assigned().get("other-default-one") == "Assigned")
    lab.stop("mic-0")
    at("12:36:30")
    lab.start("mic-0")
    lab.wait("held again", lambda: lab.assigned()["app-default-one"] == "Created")
    assert lab.assigned()["other-default-one"] == "Assigned" and "app-one" in attached(lab, names, "node-a")
    lab.remove_pod("other")
    lab.wait("off the machine", lambda: "app-one" not in attached(lab, names, "node-a"))
    lab.wait("told", lambda: said().get("open") is False)

    # Today is a holiday after all: the window of tomorrow is the next.
    lab.kubectl("patch", "configmap", "calendar", "--type=merge", "-p", f'{{"data": {{"dates": "{day}"}}}}')
    lab.wait("handed on", lambda: day in lab.get("azureassignedidentity", "app-default-one")["metadata"]["annotations"][f"{OURS}/holidays"])
    lab.kubectl("delete", "configmap", "calendar")
    lab.wait("said", lambda: any(condition["type"] == "Valid" and condition["reason"] == "CalendarUnreadable" for condition in
                                 lab.get("azureidentitybinding", "boxed")["status"]["conditions"]))


def test_a_grant_brings_the_identity_and_its_end_takes_it(fresh_lab):
    lab, names = fresh_lab, fresh_lab.names()
    lab.apply([managed_identity("one", names["identities"]["app-one"]),
               limited("app", "one", "app", grant={"maxDuration": "4h", "approvals": 1})])
    lab.add_pod("app", "node-a", {"aadpodidbinding": "app"})
    lab.wait("held", lambda: lab.assigned().get("app-default-one") == "Created")

    def status() -> dict:
        return lab.get("azureidentitygrant", "g").get("status", {})

    lab.podid_as("alice", "grant", "request", "app", "--duration", "1h", "--reason", "INC-4711", "--name", "g", "-n", "default")
    lab.wait("told", lambda: status().get("phase") == "Pending")
    lab.podid_as("bob", "grant", "approve", "g", "-n", "default")
    lab.wait("attached", lambda: lab.assigned()["app-default-one"] == "Assigned")
    assert "app-one" in attached(lab, names, "node-a")
    lab.wait("told", lambda: status().get("phase") == "Active" and status()["approvedBy"] == ["bob"])
    lab.wait("an event", lambda: "approved by bob" in lab.kubectl("get", "events").stdout)
    lab.set_clock("+61m")
    lab.wait("told", lambda: status().get("phase") == "Expired")
    assert lab.assigned()["app-default-one"] == "Assigned", "the delay is not over"
    lab.set_clock("+70m")
    lab.wait("held again", lambda: lab.assigned()["app-default-one"] == "Created")
    lab.wait("off the machine", lambda: "app-one" not in attached(lab, names, "node-a"))
