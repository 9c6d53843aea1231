# SPDX-License-Identifier: Apache-2.0
"""spec.access of a binding in a lab whose clock is driven: the NMI gives tokens inside the allowed time alone, to the second, in both modes."""
from __future__ import annotations

import datetime
from typing import Any, Iterator

import pytest

from lab import ROOT, Lab, temporary_lab
from manifests import GROUP, binding, managed_identity

SUNDAY = datetime.datetime(2027, 1, 17, 12, tzinfo=datetime.timezone.utc)
# The seed's: "between midnight and 1 AM on business days only".
NIGHTLY = {"windows": [{"timeZone": "Europe/Berlin", "days": ["Mon", "Tue", "Wed", "Thu", "Fri"], "start": "00:00", "end": "01:00"}]}
OPENS = datetime.datetime(2027, 1, 17, 23, tzinfo=datetime.timezone.utc)  # Monday 00:00 in Berlin
CLOSES = OPENS + datetime.timedelta(hours=1)


def text(time: datetime.datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def limited(name: str, access: dict[str, Any], namespace: str) -> dict[str, Any]:
    made = binding(name, name, name, namespace)
    made["spec"]["access"] = access
    return made


@pytest.fixture(scope="module", params=["standard", "managed"])
def boxed(request: pytest.FixtureRequest) -> Iterator[tuple[Lab, str]]:
    managed = ["--nmi-flag=--operation-mode=managed", "--nmi-flag=--forceNamespaced"] if request.param == "managed" else []
    with temporary_lab(f"e2eacc{request.param[0]}", "--nodes", "1", *managed) as lab:
        yield lab, request.param


def test_a_window_opens_and_closes(boxed: tuple[Lab, str]) -> None:
    lab, mode = boxed
    lab.kubectl("create", "namespace", "night")
    lab.set_clock("set", text(SUNDAY))
    lab.apply([managed_identity("front", lab.names()["identities"]["app-one"], "night"), limited("front", NIGHTLY, "night")])
    lab.add_pod("web", labels={"aadpodidbinding": "front"}, namespace="night")

    def ask() -> Any:
        return lab.token("web", namespace="night")

    closed = lab.wait("the refusal", lambda: (answer := ask()).status == 403 and answer)
    assert f"opens at {text(OPENS)}" in closed.json()["error_description"]
    explained = lab.explain("web", "night", "--mode", mode)
    assert "refused (" in explained and "access" in explained

    lab.set_clock("set", text(OPENS + datetime.timedelta(minutes=1)))
    token = lab.wait("a token", lambda: (answer := ask()).status == 200 and answer)
    assert int(token.json()["expires_on"]) == CLOSES.timestamp()
    assert int(token.json()["expires_in"]) <= 59 * 60
    assert token.claims()["exp"] > CLOSES.timestamp(), "the token is Azure's"
    assert ask().status == 200, "from the cache"

    lab.set_clock("set", text(CLOSES))
    assert ask().status == 403
    lab.wait("the event", lambda: any(
        event["reason"] == "TokenDenied" and event["regarding"]["kind"] == "AzureIdentityBinding" and event["regarding"]["name"] == "front"
        for event in lab.get("events.events.k8s.io", namespace="night")["items"]))
    metrics = lab.nmi_metrics("node-a")
    assert metrics['aadpodidentity_nmi_window_denied_total{reason="window_closed"}'] >= 2


def test_a_change_of_the_binding_counts_at_once_for_cached_tokens(boxed: tuple[Lab, str]) -> None:
    lab, _ = boxed
    lab.kubectl("create", "namespace", "edit")
    now = lab.now()
    access = {"notAfter": text(now + datetime.timedelta(hours=2))}
    lab.apply([managed_identity("front", lab.names()["identities"]["app-two"], "edit"), limited("front", access, "edit")])
    lab.add_pod("web", labels={"aadpodidbinding": "front"}, namespace="edit")
    lab.wait_for_token("the assignment", "web", namespace="edit")
    lab.apply([limited("front", {"notAfter": text(now - datetime.timedelta(hours=1))}, "edit")])
    lab.wait("the end of it", lambda: lab.token("web", namespace="edit").status == 403)
    lab.apply([limited("front", {**access, "tokenBeyondWindow": "Deny"}, "edit")])
    denied = lab.wait("the refusal of a long token", lambda: "tokenBeyondWindow" in (answer := lab.token("web", namespace="edit")).body and answer)
    assert denied.status == 403
    lab.apply([limited("front", access, "edit")])
    lab.wait("a token again", lambda: lab.token("web", namespace="edit").status == 200)


def test_a_grant_opens_and_its_revocation_closes_at_once(boxed: tuple[Lab, str]) -> None:
    """Without the MIC's doing: it is stopped while the grant is revoked."""
    lab, mode = boxed
    lab.kubectl("create", "namespace", "jit")
    lab.kubectl("apply", "--validate=false", "-f", str(ROOT / "deploy/policies/grants.yaml"))
    lab.set_clock("+2m")  # what is made from now on counts
    lab.apply([managed_identity("store", lab.names()["identities"]["app-one"], "jit"),
               limited("store", {"grant": {"maxDuration": "4h", "approvals": 0}}, "jit")])
    lab.add_pod("web", labels={"aadpodidbinding": "store"}, namespace="jit")

    def told(text: str) -> Any:
        answer = lab.token("web", namespace="jit")
        return answer.status == 403 and text in answer.body

    lab.wait("the refusal", lambda: told("needs an AzureIdentityGrant"))
    grant = {"apiVersion": GROUP, "kind": "AzureIdentityGrant", "metadata": {"name": "inc-1", "namespace": "jit"},
             "spec": {"binding": "store", "duration": "1h", "reason": "INC-1", "requestedBy": "admin"}}
    lab.apply([grant])
    token = lab.wait_for_token("the grant", "web", namespace="jit")
    assert int(token.json()["expires_in"]) <= 3600
    assert token.claims()["exp"] > int(token.json()["expires_on"]), "the token is Azure's"
    assert lab.token("web", namespace="jit").status == 200, "from the cache"
    assert "granted" in lab.explain("web", "jit", "--mode", mode)
    assert lab.nmi_metrics("node-a")["aadpodidentity_nmi_grants_active"] == 1
    for component in lab.components():
        if component["name"].startswith("mic-"):
            lab.stop(component["name"])
    lab.kubectl("patch", "azureidentitygrant", "inc-1", "-n", "jit", "--type=merge", "-p",
                '{"spec": {"revocation": {"by": "admin", "reason": "done"}}}')
    lab.wait("the revocation", lambda: told("grant inc-1 is revoked"))
    assert "refused (" in lab.explain("web", "jit", "--mode", mode)
