# SPDX-License-Identifier: Apache-2.0
"""An AzureIdentityPolicy in a lab: what it does not allow is neither assigned nor given out, at once, and `podid explain` says so (SEC-10)."""
from __future__ import annotations

from typing import Any, Iterator

import pytest

from lab import Lab, temporary_lab
from manifests import binding, managed_identity


@pytest.fixture(scope="module", params=["standard", "managed"])
def guarded(request: pytest.FixtureRequest) -> Iterator[tuple[Lab, str]]:
    managed = ["--nmi-flag=--operation-mode=managed", "--nmi-flag=--forceNamespaced"] if request.param == "managed" else []
    with temporary_lab(f"e2epol{request.param[0]}", "--nodes", "1", "--nmi-flag=--identity-policy=enforce", "--mic-flag=--identity-policy=enforce",
                       *managed) as lab:
        yield lab, request.param


def allow(lab: Lab, *resource_ids: str, namespace: str = "shop", **more: Any) -> None:
    rules: list[dict[str, Any]] = [{"name": "shop", "namespaces": {"names": [namespace]}, "resourceIDs": list(resource_ids), **more}] if resource_ids else []
    lab.apply([{"apiVersion": "aadpodidentity.k8s.io/v1", "kind": "AzureIdentityPolicy", "metadata": {"name": "default"}, "spec": {"rules": rules}}])


def test_an_identity_is_given_out_while_the_policy_allows_it_and_no_longer(guarded: tuple[Lab, str]) -> None:
    lab, mode = guarded
    one, two = (lab.names()["identities"][name] for name in ("app-one", "app-two"))
    lab.kubectl("create", "namespace", "shop")
    lab.apply([managed_identity("one", one, "shop"), binding("one", "one", "one", "shop")])
    lab.add_pod("web", labels={"aadpodidbinding": "one"}, namespace="shop")

    def told(text: str) -> bool:
        answer = lab.token("web", namespace="shop")
        return answer.status == 403 and text in answer.body

    def explained() -> str:
        return lab.explain("web", "shop", "--mode", mode, "--identity-policy", "enforce")

    lab.wait("the refusal", lambda: told("there is no AzureIdentityPolicy default"))
    assert "refused (policy_denied)" in explained() and "remedy: create it" in explained()
    allow(lab, one["resourceID"].upper())
    lab.wait("a token", lambda: lab.token("web", namespace="shop").status == 200)
    assert lab.token("web", namespace="shop").claims()["appid"] == one["clientID"], "from the cache now"
    assert "granted" in explained()
    allow(lab, two["resourceID"])
    lab.wait("the end of it", lambda: lab.token("web", namespace="shop").status == 403)
    assert "refused (policy_denied)" in explained()
    if mode == "standard":
        lab.wait("the assignment is gone", lambda: not lab.assigned())
        lab.wait("the events", lambda: {"AzureIdentity", "AzureIdentityBinding"} <= {
            event["involvedObject"]["kind"] for event in lab.get("events", namespace="shop")["items"] if event["reason"] == "identity denied"})
    allow(lab, two["resourceID"], one["resourceID"])
    lab.wait("a token again", lambda: lab.token("web", namespace="shop").status == 200)


def test_a_pod_that_never_gets_an_assignment_is_told_at_once_what_the_policy_denies(guarded: tuple[Lab, str]) -> None:
    lab, _ = guarded
    one, two = (lab.names()["identities"][name] for name in ("app-one", "app-two"))
    allow(lab, two["resourceID"], namespace="store")
    lab.kubectl("create", "namespace", "store")
    lab.apply([managed_identity("one", one, "store"), binding("one", "one", "one", "store")])
    lab.add_pod("web", labels={"aadpodidbinding": "one"}, namespace="store")

    def told() -> str:
        # --max-wait is 40 s.
        answer = lab.token("web", namespace="store", max_time=20)
        return answer.body if answer.status == 403 else ""

    lab.wait("the refusal", lambda: "has no rule that lets namespace store use AzureIdentity store/one" in told())
    allow(lab, two["resourceID"], one["resourceID"], namespace="store")
    lab.wait("a token", lambda: lab.token("web", namespace="store").status == 200)


def test_an_identity_that_is_kept_for_limited_bindings_is_given_by_those_alone(guarded: tuple[Lab, str]) -> None:
    lab, mode = guarded
    one = lab.names()["identities"]["app-one"]
    lab.kubectl("create", "namespace", "boxed")
    lab.apply([managed_identity("one", one, "boxed"), binding("one", "one", "one", "boxed")])
    lab.add_pod("web", labels={"aadpodidbinding": "one"}, namespace="boxed")
    allow(lab, one["resourceID"], namespace="boxed", requireAccess=["notAfter"])
    lab.wait("the refusal", lambda: "only by bindings whose spec.access has notAfter" in lab.token("web", namespace="boxed").body)
    assert "refused (policy_denied)" in lab.explain("web", "boxed", "--mode", mode, "--identity-policy", "enforce")
    lab.kubectl("patch", "azureidentitybinding", "one", "-n", "boxed", "--type=merge", "-p", '{"spec": {"access": {"notAfter": "2099-01-01T00:00:00Z"}}}')
    lab.wait("a token", lambda: lab.token("web", namespace="boxed").status == 200)
    lab.kubectl("patch", "azureidentitybinding", "one", "-n", "boxed", "--type=merge", "-p", '{"spec": {"access": null}}')
    lab.wait("the refusal", lambda: lab.token("web", namespace="boxed").status == 403)
