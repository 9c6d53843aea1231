# SPDX-License-Identifier: Apache-2.0
"""Every 200 answer is counted once in the events of its binding, or of its pod (docs/design/access.md §6)."""
from lab import VAULT, Lab, temporary_lab
from manifests import binding, exception, managed_identity

HOST = "http://127.0.0.1:2579/host/token"


def counted(lab: Lab, kind: str) -> int:
    return sum(event.get("series", {"count": 1})["count"] for event in lab.get("events", namespace="shop")["items"]
               if event["reason"] == "TokenIssued" and event["involvedObject"]["kind"] == kind)


def test_the_sum_over_events_is_the_number_of_answers_though_the_api_server_was_away() -> None:
    with temporary_lab("e2eevent", "--nodes", "1", "--nmi-flag=--event-series-interval=1s") as lab:
        identities = lab.names()["identities"]
        lab.kubectl("create", "namespace", "shop")
        lab.apply([managed_identity("one", identities["app-one"], "shop"), binding("one", "one", "one", "shop"),
                   exception("agents", {"app": "agent"}, "shop")])
        lab.add_pod("web", labels={"aadpodidbinding": "one"}, namespace="shop")
        lab.add_pod("agent", labels={"app": "agent"}, namespace="shop")
        excepted = {"client_id": identities["node-identity"]["clientID"]}
        lab.wait_for_token("the exception seen", "agent", "shop", **excepted)
        of_binding, of_pod = 0, 1

        def ask() -> int:
            assert lab.token("web", namespace="shop").status == 200
            answer = lab.node_exec("node-a", "curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", "podns: shop", "-H", "podname: web",
                                   f"{HOST}?resource={VAULT}").stdout
            assert answer == "200", answer
            assert lab.token("agent", namespace="shop", **excepted).status == 200
            return 2
        for _ in range(3):
            of_binding, of_pod = of_binding + ask(), of_pod + 1
        lab.stop("apiserver")
        for _ in range(4):
            of_binding, of_pod = of_binding + ask(), of_pod + 1
        lab.start("apiserver")
        of_binding, of_pod = of_binding + ask(), of_pod + 1
        lab.wait("all are counted", lambda: (counted(lab, "AzureIdentityBinding"), counted(lab, "Pod")) == (of_binding, of_pod), patience=90)

        event = next(each for each in lab.get("events.events.k8s.io", namespace="shop")["items"]
                     if each["regarding"]["kind"] == "AzureIdentityBinding" and each["reason"] == "TokenIssued")
        assert event["reportingController"] == "aadpodidentity.k8s.io/nmi" and event["reportingInstance"] == "node-a" and event["action"] == "IssueToken"
        assert event["related"]["name"] == "web" and f"token for {VAULT} issued to pod shop/web as AzureIdentity shop/one" in event["note"]
        assert identities["app-one"]["clientID"] not in event["note"] and "##### REDACTED #####" in event["note"]

        # What was not due yet is written at exit.
        of_binding += ask()
        lab.stop("nmi-node-a")
        assert counted(lab, "AzureIdentityBinding") == of_binding
