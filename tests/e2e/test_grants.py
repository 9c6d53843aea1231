# SPDX-License-Identifier: Apache-2.0
"""Grants on a real API server: forgeries, each with what refuses it; those that it takes open nothing (`podid grant list` goes by the join that the NMIs
go by); what the definition of a binding takes as access. Everybody may do everything to grants and approvals but approve: the worst case."""
from __future__ import annotations

import http.client
import itertools
import json
import os
import subprocess
import time
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, Iterator

import pytest

from test_manifests import DEPLOY, PROGRAMS, ApiServer, crds_first, documents, until
from test_manifests import real  # noqa: F401  (a fixture; the control plane is this module's own)

pytestmark = pytest.mark.real_control_plane

OURS = "aadpodidentity.k8s.io/v1"
RBAC = "rbac.authorization.k8s.io"
JSON, MERGE, PATCH, APPLY = (f"application/{kind}" for kind in ("json", "merge-patch+json", "json-patch+json", "apply-patch+yaml"))
GROUPS = {"bob": ["approvers"], "erik": ["approvers"]}
CI, MIC, NMI = "system:serviceaccount:shop:ci", "system:serviceaccount:podid-system:podid-mic", "system:serviceaccount:podid-node:podid-nmi"
MIC_OF_OTHERS = "system:serviceaccount:default:aad-pod-id-mic-service-account"
Said = tuple[int, dict[str, Any]]
numbers = itertools.count(1)


def grant(name: str, by: str, binding: str = "reader", namespace: str = "shop", **spec: Any) -> dict[str, Any]:
    meta = {"name": name, "namespace": namespace} if not name.endswith("-") else {"generateName": name, "namespace": namespace}
    return {"apiVersion": OURS, "kind": "AzureIdentityGrant", "metadata": meta,
            "spec": {"binding": binding, "duration": "1h", "reason": "INC-4711", "requestedBy": by, **spec}}


def approval(of: dict[str, Any], by: str, name: str = "", **spec: Any) -> dict[str, Any]:
    """What a person says of a grant as the API server has it."""
    meta = {"name": name or f"a{next(numbers)}", "namespace": of["metadata"]["namespace"]}
    return {"apiVersion": OURS, "kind": "AzureIdentityGrantApproval", "metadata": meta, "spec": {
        "grant": of["metadata"]["name"], "grantUID": of["metadata"]["uid"], "binding": of["spec"]["binding"],
        "requestedBy": of["spec"]["requestedBy"], "approvedBy": by, **spec}}


def changed(body: dict[str, Any], **meta: Any) -> dict[str, Any]:
    return {**body, "metadata": {**body["metadata"], **meta}}


class Court:
    """An API server with our policies; in shop the bindings reader (grants of up to 4h, one approval), other (the same) and open (no approval).
    bob and erik approve those of reader."""
    early: dict[str, Any]  # a grant of the policies' first minute, approved

    def __init__(self, server: ApiServer):
        self.server = server
        self.connection = http.client.HTTPSConnection(server.url.hostname, server.url.port, context=server.tls, timeout=30)

    def ask(self, user: str, method: str, path: str, body: Any = None, kind: str = JSON, headers: dict[str, str] | None = None) -> Said:
        """As a user ('' the administrator, who is in system:masters). A text is sent as it is."""
        given = {"Authorization": f"Bearer {self.server.token}", "Content-Type": kind, "Accept": "application/json", **(headers or {})}
        self.connection.putrequest(method, path)
        if user:
            given["Impersonate-User"] = user
        payload = (body if isinstance(body, str) else json.dumps(body)).encode() if body is not None else b""
        for name, value in {**given, "Content-Length": str(len(payload))}.items():
            self.connection.putheader(name, value)
        if user:
            accounts = ["system:serviceaccounts", f"system:serviceaccounts:{user.split(':')[2]}"] if user.startswith("system:serviceaccount:") else []
            for group in [*GROUPS.get(user, accounts), "system:authenticated"]:
                self.connection.putheader("Impersonate-Group", group)
        self.connection.endheaders(payload)
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read())

    @staticmethod
    def path(body: dict[str, Any]) -> str:
        return f"/apis/{OURS}/namespaces/{body['metadata']['namespace']}/{body['kind'].lower()}s"

    def create(self, user: str, body: dict[str, Any], query: str = "") -> Said:
        return self.ask(user, "POST", self.path(body) + query, body)

    def made(self, user: str, body: dict[str, Any]) -> dict[str, Any]:
        status, said = self.create(user, body)
        assert status == 201, said
        return said

    def at(self, user: str, method: str, body: dict[str, Any], change: Any = None, kind: str = MERGE, after: str = "") -> Said:
        return self.ask(user, method, f"{self.path(body)}/{body['metadata']['name']}{after}", change, kind)

    def now(self, body: dict[str, Any]) -> dict[str, Any]:
        status, said = self.at("", "GET", body)
        assert status == 200, said
        return said

    def listed(self, namespace: str = "shop") -> dict[str, dict[str, Any]]:
        done = subprocess.run([PROGRAMS / "podid", "grant", "list", "-n", namespace, "-o", "json"], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "KUBECONFIG": str(self.server.kubeconfig)})
        assert done.returncode == 0, done.stderr
        return {row["name"]: row for row in json.loads(done.stdout)["items"]}

    def state(self, body: dict[str, Any]) -> tuple[str, str]:
        row = self.listed(body["metadata"]["namespace"])[body["metadata"]["name"]]
        return row["state"], row["why"]


def role(kind: str, name: str, rules: list[dict[str, Any]], subjects: list[dict[str, Any]], namespace: str | None = None) -> list[dict[str, Any]]:
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    return [{"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": meta, "rules": rules},
            {"apiVersion": f"{RBAC}/v1", "kind": f"{kind}Binding", "metadata": meta, "roleRef": {"apiGroup": RBAC, "kind": kind, "name": name}, "subjects": subjects}]


def binding(name: str, access: Any = None, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": OURS, "kind": "AzureIdentityBinding", "metadata": {"name": name, "namespace": "shop"},
            "spec": {"azureIdentity": "i", "selector": "s", **({"access": access} if access is not None else {}), **spec}}


@pytest.fixture(scope="module")
def court(real: ApiServer) -> Iterator[Court]:  # noqa: F811
    ours, everything = "aadpodidentity.k8s.io", ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"]
    crds_first(real, documents(DEPLOY / "crds"))
    for name in ("shop", "team-b"):
        real.kubectl("create", "namespace", name)
    done = real.kubectl("apply", "--validate=strict", *[option for name in ("grants", "bindings-access", "user-roles")
                                                        for option in ("-f", str(DEPLOY / f"policies/{name}.yaml"))])
    assert "Warning" not in done.stderr, done.stderr
    all_people = [{"apiGroup": RBAC, "kind": "Group", "name": "system:authenticated"}]
    approvers = [{"apiGroup": RBAC, "kind": "Group", "name": "approvers"}]
    objects = role("ClusterRole", "worst-case", [{"apiGroups": [ours], "verbs": everything, "resources": [
        "azureidentitygrants", "azureidentitygrants/status", "azureidentitygrantapprovals"]}], all_people)
    objects += role("Role", "approve-reader", [{"apiGroups": [ours], "resources": ["azureidentitybindings"], "resourceNames": ["reader"], "verbs": ["approve"]}],
                    approvers, "shop")
    objects += role("Role", "edit", [{"apiGroups": [ours], "resources": ["azureidentitybindings"], "verbs": everything}],
                    [{"apiGroup": RBAC, "kind": "User", "name": "carol"}], "shop")
    grants = {"maxDuration": "4h"}
    real.apply([*objects, binding("reader", {"grant": grants}), binding("other", {"grant": grants}), binding("open", {"grant": {**grants, "approvals": 0}}),
                changed(binding("reader", {"grant": grants}), namespace="team-b")])
    made = Court(real)
    until("the policies and roles act", lambda: made.create("alice", grant("probe", "bob"), "?dryRun=All")[0] == 403
          and made.create("alice", grant("probe", "alice"), "?dryRun=All")[0] == 201
          and made.create("bob", approval(changed(grant("probe", "alice"), uid="11111111-1111-1111-1111-111111111111"), "erik"), "?dryRun=All")[0] == 403
          and made.create("bob", approval(changed(grant("probe", "alice"), uid="11111111-1111-1111-1111-111111111111"), "bob"), "?dryRun=All")[0] == 201)
    made.early = made.made("alice", grant("early", "alice"))
    made.made("bob", approval(made.early, "bob"))
    yield made


OWN_NAME = "spec.requestedBy must be your own user name: "
APPROVED_BY = "spec.approvedBy must be your own user name: "
UNCHANGED = "a grant cannot be changed once requested"


@pytest.mark.parametrize("who, body, query, status, said", [
    ("alice", grant("x", "bob"), "", 403, OWN_NAME + "alice"),
    ("alice", grant("x-", "bob"), "", 403, OWN_NAME + "alice"),
    ("alice", grant("x", "alice "), "", 403, OWN_NAME + "alice"),
    ("alice", grant("x", "Alice"), "", 403, OWN_NAME + "alice"),
    ("alice", grant("x", "admin"), "?dryRun=All", 403, OWN_NAME + "alice"),
    ("alice", grant("x", ""), "", 422, "spec.requestedBy"),
    (CI, grant("x", "alice"), "", 403, OWN_NAME + CI),
    ("", grant("x", "alice"), "", 403, OWN_NAME + "admin"),
    ("alice", grant("x", "alice", revocation={"by": "alice"}), "", 403, "a new grant cannot be revoked already"),
], ids=str)
def test_who_asks_says_who_they_are(court: Court, who: str, body: dict[str, Any], query: str, status: int, said: str) -> None:
    answer = court.create(who, body, query)
    assert answer[0] == status and said in answer[1]["message"], answer


def test_there_is_no_way_around_saying_it(court: Court) -> None:
    body = grant("around", "bob")
    for method, kind, payload, status, said in (
            ("PATCH", APPLY, body, 403, OWN_NAME + "alice"),
            ("PUT", JSON, body, 404, "not found")):
        answer = court.at("alice", method, body, payload, kind, "?fieldManager=a" if kind == APPLY else "")
        assert answer[0] == status and said in answer[1]["message"], answer
    twice = json.dumps(grant("around", "alice")).replace('"requestedBy": "alice"', '"requestedBy": "alice", "requestedBy": "bob"')
    assert court.ask("alice", "POST", court.path(body), twice)[0] == 403
    assert court.ask("alice", "POST", court.path(body), json.dumps(body), "application/yaml")[0] == 403
    # A user with a token of their own: impersonation takes rights that nobody has.
    token = next(line.split(",")[0] for line in (court.server.kubeconfig.parent / "tokens.csv").read_text().splitlines() if ",tester," in line)
    for headers in ({"Impersonate-User": "bob"}, {"Impersonate-User": "tester", "Impersonate-Uid": "u"}, {"Impersonate-Group": "approvers"}):
        status, answer = court.ask("", "POST", court.path(body), body, headers={"Authorization": f"Bearer {token}", **headers})
        assert (status == 403 and "cannot impersonate" in answer["message"]) or (status in (400, 500) and "without impersonating a user" in answer["message"]), answer


@pytest.mark.parametrize("change, kind, status", [
    ({"spec": {"duration": "4h"}}, MERGE, 422), ([{"op": "replace", "path": "/spec/duration", "value": "4h"}], PATCH, 422),
    ({"spec": {"requestedBy": "carol"}}, MERGE, 422), ({"spec": {"binding": "other"}}, MERGE, 422), ({"spec": {"reason": "another"}}, MERGE, 422),
    ({"spec": {"notBefore": "2027-01-01T00:00:00Z"}}, MERGE, 422), ({"spec": {"podSelector": {"matchLabels": {"a": "b"}}}}, MERGE, 422),
    ({"spec": {"duration": "4h"}}, "application/strategic-merge-patch+json", 415), ({"spec": None}, MERGE, 422),
    ([{"op": "remove", "path": "/spec"}, {"op": "add", "path": "/spec", "value": grant("g", "alice", duration="4h")["spec"]}], PATCH, 422)], ids=str)
def test_what_was_asked_for_stays(court: Court, change: Any, kind: str, status: int) -> None:
    made = court.made("alice", grant(f"stays{next(numbers)}", "alice"))
    answer = court.at("alice", "PATCH", made, change, kind)
    assert answer[0] == status, answer
    assert status == 415 or UNCHANGED in answer[1]["message"] or "spec: Required value" in answer[1]["message"], answer
    whole = {"apiVersion": OURS, "kind": "AzureIdentityGrant", "metadata": {"name": made["metadata"]["name"]}, "spec": {**made["spec"], "duration": "4h"}}
    answer = court.at("alice", "PATCH", made, whole, APPLY, "?fieldManager=a&force=true")
    assert answer[0] == 422 and UNCHANGED in answer[1]["message"], answer
    answer = court.at("alice", "PUT", made, {**made, "spec": whole["spec"]}, JSON)
    assert answer[0] == 422 and UNCHANGED in answer[1]["message"], answer
    assert court.at("alice", "PUT", made, changed(made, uid="22222222-2222-2222-2222-222222222222"), JSON)[0] == 409
    assert court.now(made)["spec"] == made["spec"]
    assert court.at("alice", "PATCH", made, {"metadata": {"labels": {"team": "a"}}})[0] == 200, "labels are free"


NOT_AN_APPROVER = "you may not approve grants of binding {} (verb approve on azureidentitybindings; role podid-approver)"
PEOPLE = "only people approve: no service account, node or component does"


@pytest.mark.parametrize("of, who, spec, status, said", [
    ("reader", "alice", {"approvedBy": "alice"}, 422, "nobody approves their own request"),
    ("reader", "alice", {"approvedBy": "bob"}, 403, APPROVED_BY + "alice"),
    ("reader", "alice", {"requestedBy": "carol"}, 403, NOT_AN_APPROVER.format("reader")),
    ("reader", "carol", {}, 403, NOT_AN_APPROVER.format("reader")),
    ("reader", "carol", {"binding": "other"}, 403, NOT_AN_APPROVER.format("other")),
    ("reader", "dave", {}, 403, NOT_AN_APPROVER.format("reader")),
    ("reader", CI, {}, 403, PEOPLE), ("reader", MIC, {}, 403, PEOPLE), ("reader", "system:node:node-a", {}, 403, PEOPLE),
    ("reader", MIC, {"approvedBy": "bob"}, 403, APPROVED_BY + MIC), ("reader", NMI, {"approvedBy": "bob"}, 403, APPROVED_BY + NMI),
    ("reader", "", {"approvedBy": "bob"}, 403, APPROVED_BY + "admin"),
    ("reader", "carol", {"approvedBy": "bob"}, 403, APPROVED_BY + "carol"),
    ("other", "bob", {}, 403, NOT_AN_APPROVER.format("other")),
    ("reader", "bob", {"grantUID": "no-uid"}, 422, "spec.grantUID"),
    ("reader", "bob", {"grantUID": ""}, 422, "spec.grantUID"),
], ids=str)
def test_who_approves_may_and_says_who_they_are(court: Court, of: str, who: str, spec: dict[str, str], status: int, said: str) -> None:
    made = court.made("alice", grant(f"asked{next(numbers)}", "alice", of))
    body = approval(made, who or "admin", **spec)
    answers = [court.create(who, body)]
    if status == 403:
        answers += [court.create(who, {**body, "metadata": {"generateName": "x-", "namespace": "shop"}}),
                    court.at(who, "PATCH", body, body, APPLY, "?fieldManager=a")]
    for answer in answers:
        assert answer[0] == status and said in answer[1]["message"], answer


def test_an_approver_is_one_in_a_namespace(court: Court) -> None:
    theirs = court.made("alice", grant("theirs", "alice", namespace="team-b"))
    status, answer = court.create("bob", approval(theirs, "bob"))
    assert status == 403 and NOT_AN_APPROVER.format("reader") in answer["message"]
    in_shop = changed(approval(theirs, "bob"), namespace="shop")
    status, answer = court.ask("bob", "POST", f"/apis/{OURS}/namespaces/team-b/azureidentitygrantapprovals", in_shop)
    assert status == 400 and "does not match the namespace" in answer["message"]


def test_an_approval_stays_as_long_as_its_grant(court: Court) -> None:
    made = court.made("alice", grant("approved", "alice"))
    given = court.made("bob", approval(made, "bob"))
    owner = {"apiVersion": OURS, "kind": "AzureIdentityGrant", "name": "approved", "uid": made["metadata"]["uid"]}
    foreign = {"apiVersion": "v1", "kind": "ConfigMap", "name": "c", "uid": "11111111-1111-1111-1111-111111111111"}
    # The garbage collector looks for an owner by all of these: one that is not there would take the approval along.
    for other in (foreign, {**owner, "uid": foreign["uid"]}, {**owner, "kind": "AzureIdentityBinding"}, {**owner, "name": "gone"},
                  {**owner, "apiVersion": "v1", "kind": "ConfigMap"}):
        status, answer = court.create("bob", changed(approval(made, "bob"), ownerReferences=[other]))
        assert status == 403 and "an approval's only owner can be its grant" in answer["message"], (other, answer)
    court.made("bob", changed(approval(made, "bob"), ownerReferences=[owner]))
    for who in ("alice", "bob", "erik", CI, NMI, MIC_OF_OTHERS, ""):
        for path in ("/" + given["metadata"]["name"], ""):
            status, answer = court.ask(who, "DELETE", court.path(given) + path)
            assert status == 403 and "an approval cannot be deleted: revoke the grant instead" in answer["message"], (who, path, answer)
    for change, kind in (({"spec": {"grantUID": owner["uid"][::-1]}}, MERGE), ([{"op": "replace", "path": "/spec/approvedBy", "value": "erik"}], PATCH),
                         ({"spec": {"comment": "now"}}, MERGE), ({"metadata": {"ownerReferences": [foreign]}}, MERGE), ({"metadata": {"ownerReferences": [owner]}}, MERGE)):
        status, answer = court.at("bob", "PATCH", given, change, kind)
        assert status in (403, 422), answer
    status, answer = court.at("alice", "PATCH", given, {**{key: given[key] for key in ("apiVersion", "kind")}, "metadata": {"name": given["metadata"]["name"]},
                                                        "spec": {**given["spec"], "requestedBy": "carol"}}, APPLY, "?fieldManager=a&force=true")
    assert status == 422 and "an approval cannot be changed" in answer["message"], answer
    assert court.now(given)["spec"] == given["spec"]
    # Who cleans up.
    assert court.at("system:serviceaccount:kube-system:generic-garbage-collector", "DELETE", given)[0] == 200
    assert court.at(MIC, "DELETE", court.made("bob", approval(made, "bob")))[0] == 200


def test_a_revocation_is_of_who_may_and_for_good(court: Court) -> None:
    made = court.made("alice", grant("revoked", "alice"))

    def revoke(who: str, by: str) -> Said:
        return court.at(who, "PATCH", made, {"spec": {"revocation": {"by": by, "reason": "done"}}})
    for who, by, said in (("carol", "carol", "only alice and approvers of binding reader may revoke this grant"),
                          ("carol", "alice", "spec.revocation.by must be your own user name: carol"),
                          (MIC, MIC, "only alice and approvers of binding reader"), ("bob", "alice", "spec.revocation.by must be your own user name: bob")):
        status, answer = revoke(who, by)
        assert status == 403 and said in answer["message"], answer
    assert revoke("bob", "bob")[0] == 200
    for change in ({"spec": {"revocation": None}}, {"spec": {"revocation": {"by": "alice"}}}, {"spec": {"revocation": {"reason": "another"}}}):
        status, answer = court.at("alice", "PATCH", made, change)
        assert status == 422 and "a revocation cannot be taken back" in answer["message"], answer
    own = court.made("alice", grant("own", "alice"))
    assert court.at("alice", "PATCH", own, {"spec": {"revocation": {"by": "alice"}}})[0] == 200
    assert court.at("alice", "DELETE", own)[0] == 200


@pytest.mark.parametrize("spec", [{"duration": "30s"}, {"duration": "169h"}, {"duration": "1d"}, {"duration": ""}, {"duration": "-1h"}, {"reason": ""},
                                  {"notBefore": "2027-01-01"}, {"notBefore": "2027-02-30T00:00:00Z"}, {"podSelector": {}}, {"podSelector": {"matchLabels": {}}},
                                  {"binding": ""}, {"reason": "r" * 1025}], ids=lambda spec: str(spec)[:60])
def test_a_grant_that_means_nothing_is_refused(court: Court, spec: dict[str, Any]) -> None:
    status, answer = court.create("alice", grant("nothing", "alice", **spec))
    assert status == 422 and f"spec.{next(iter(spec))}" in answer["message"], answer


# ---- what a binding's access may be ----

WINDOW = {"days": ["Mon"], "start": "08:00", "end": "09:00"}


@pytest.mark.parametrize("access", [
    {"notBefore": "2026-01-01T00:00:00Z"}, {"notAfter": "2026-12-31T23:59:59.5+14:00"}, {"windows": [{}]}, {"windows": [WINDOW] * 16},
    {"windows": [{"timeZone": "Europe/Berlin", "start": "22:00", "end": "06:00"}]}, {"windows": [{"timeZone": "America/Argentina/Buenos_Aires"}]},
    {"windows": [{"timeZone": "Etc/GMT+5", "end": "24:00"}]}, {"windows": [{"holidays": {"configMap": "days"}}]}, {"grant": {"maxDuration": "1m"}},
    {"grant": {"maxDuration": "168h", "approvals": 5}}, {"grant": {"maxDuration": "1h30m", "approvals": 0}},
    {"windows": [WINDOW], "grant": {"maxDuration": "4h"}, "tokenBeyondWindow": "Deny"}], ids=str)
def test_an_access_that_limits_is_taken(court: Court, access: dict[str, Any]) -> None:
    status, answer = court.create("", binding("taken", access), "?dryRun=All&fieldValidation=Strict")
    assert status == 201, answer


@pytest.mark.parametrize("access, said", [
    ({}, "access limits nothing"), ({"tokenBeyondWindow": "Deny"}, "access limits nothing"), ({"notAftr": "2026-12-31T23:59:59Z"}, "access limits nothing"),
    ({"windows": None}, "access limits nothing"), ({"windows": []}, "spec.access.windows"), ({"windows": [WINDOW] * 17}, "spec.access.windows"),
    ({"notBefore": "2026-06-30T00:00:00Z", "notAfter": "2026-06-30T00:00:00Z"}, "notAfter must be later than notBefore"),
    ({"notBefore": "2026-06-30T00:00:00+02:00", "notAfter": "2026-06-29T22:00:00Z"}, "notAfter must be later than notBefore"),
    *[({"notAfter": time}, "notAfter must be an RFC 3339 time") for time in (
        "2026-06-30", "2026-06-30T00:00:00", "2026-06-30T00:00:00z", "2026-06-30T00:00:00+25:00", "2026-02-30T00:00:00Z", "2026-06-30T24:00:00Z", "1969-12-31T23:59:59Z")],
    *[({"windows": [{"timeZone": zone}]}, "spec.access.windows[0].timeZone") for zone in (
        "Mars/Olympus", "europe/berlin", "Local", "../../etc/passwd", "", "UTC+1")],
    *[({"windows": [{"start": clock}]}, "start must be a wall-clock time") for clock in ("24:00", "8:00", "08:60", "08", "")],
    *[({"windows": [{"end": clock}]}, "end must be a wall-clock time") for clock in ("24:01", "noon")],
    ({"windows": [{"start": "08:00", "end": "08:00"}]}, "start equals end"), ({"windows": [{"days": []}]}, "days"), ({"windows": [{"days": ["Monday"]}]}, "days[0]"),
    ({"windows": [{"days": ["Mon", "Mon"]}]}, "days[1]"), ({"windows": [{"holidays": {}}]}, "holidays.configMap"),
    ({"windows": [{"holidays": {"configMap": "A/B"}}]}, "holidays.configMap"), ({"grant": {}}, "grant.maxDuration"),
    *[({"grant": {"maxDuration": time}}, "maxDuration must be a duration") for time in ("59s", "168h1s", "1d", "1.5h", "")],
    ({"grant": {"maxDuration": "1h", "approvals": -1}}, "grant.approvals"), ({"grant": {"maxDuration": "1h", "approvals": 6}}, "grant.approvals"),
    ({"notAfter": "2026-12-31T23:59:59Z", "tokenBeyondWindow": "deny"}, "tokenBeyondWindow")], ids=str)
def test_an_access_that_means_something_else_is_refused(court: Court, access: Any, said: str) -> None:
    status, answer = court.create("", binding("refused", access), "?dryRun=All")
    assert status == 422 and said in answer["message"], answer


@pytest.mark.parametrize("spec, said", [({"azureIdentity": "/subscriptions/s"}, "azureIdentity must be the name"), ({"selector": "app=web"}, "selector is the value of the pod label")])
def test_a_binding_that_never_binds_is_refused(court: Court, spec: dict[str, str], said: str) -> None:
    status, answer = court.create("", binding("refused", **spec), "?dryRun=All")
    assert status == 422 and said in answer["message"], answer


def test_a_time_box_is_lifted_by_those_alone_who_may(court: Court) -> None:
    boxed = court.made("", binding("boxed", {"notAfter": "2027-12-31T00:00:00Z"}))
    for change in ({"access": None}, {"access": {"notAfter": "2028-12-31T00:00:00Z"}}, {"azureIdentity": "j"}, {"selector": "t"}):
        status, answer = court.at("carol", "PATCH", boxed, {"spec": change})
        assert status == 403 and "who have the verb limit on it" in answer["message"], answer
    # What a typed client of aad-pod-identity v1 does.
    status, answer = court.at("carol", "PUT", boxed, {**boxed, "spec": {key: boxed["spec"][key] for key in ("azureIdentity", "selector")}}, JSON)
    assert status == 403, answer
    assert court.at("carol", "PATCH", boxed, {"spec": {"weight": 3}, "metadata": {"labels": {"a": "b"}}})[0] == 200
    court.server.kubectl("create", "rolebinding", "limit", "-n", "shop", "--clusterrole=podid-access-editor", "--user=lena")
    until("lena may", lambda: court.at("lena", "PATCH", boxed, {"spec": {"access": {"notAfter": "2028-12-31T00:00:00Z"}}})[0] == 200)
    assert court.at("carol", "PATCH", court.made("", binding("free")), {"spec": {"access": {"notAfter": "2028-12-31T00:00:00Z"}}})[0] == 200, "setting one is free"


def test_status_is_written_at_its_own_endpoint_alone(court: Court) -> None:
    made = court.made("", binding("told"))
    _, after = court.at("carol", "PATCH", made, {"status": {"access": {"open": True}}})
    assert "status" not in after
    condition = {"type": "Valid", "status": "True", "reason": "Fine", "message": "", "lastTransitionTime": "2026-11-28T20:00:00Z"}
    status, after = court.at("", "PATCH", made, {"spec": {"selector": "t"}, "status": {"access": {"open": True, "nextTransition": "2026-11-28T20:00:00Z"},
                                                                                     "conditions": [condition]}}, MERGE, "/status")
    assert status == 200 and after["status"]["access"]["open"] and after["spec"]["selector"] == "s" and after["metadata"]["generation"] == 1, after


@pytest.mark.parametrize("name, verbs", [
    ("podid-requester", {"azureidentitygrants": "get list watch create update patch", "azureidentitygrantapprovals": "get list watch", "azureidentitybindings": "get list watch"}),
    ("podid-approver", {"azureidentitygrants": "get list watch update patch", "azureidentitygrantapprovals": "get list watch create",
                        "azureidentitybindings": "get list watch approve"}),
    ("podid-access-editor", {"azureidentitybindings": "get list watch create update patch limit"})])
def test_a_role_may_what_it_is_for(court: Court, name: str, verbs: dict[str, str]) -> None:
    role = json.loads(court.server.kubectl("get", "clusterrole", name, "-o", "json").stdout)
    found: dict[str, set[str]] = {}
    for rule in role["rules"]:
        assert rule["apiGroups"] == ["aadpodidentity.k8s.io"] and "resourceNames" not in rule
        for resource in rule["resources"]:
            found.setdefault(resource, set()).update(rule["verbs"])
    assert found == {resource: set(words.split()) for resource, words in verbs.items()}
    assert not role["metadata"].get("labels"), "it goes with no other role"


# ---- what the API server takes, and what opens nothing for all that ----

@pytest.fixture(scope="module")
def settled(court: Court) -> Court:
    """From a minute after the policies on, what is made counts; the tests above have taken most of it."""
    made = [json.loads(court.server.kubectl("get", kind, "-o", "json").stdout)["items"]
            for kind in ("validatingadmissionpolicies", "validatingadmissionpolicybindings")]
    last = max(datetime.fromisoformat(each["metadata"]["creationTimestamp"]) for each in itertools.chain(*made))
    deadline = time.monotonic() + 90
    while datetime.now(timezone.utc) < last + timedelta(seconds=61):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return court


def granted(court: Court, name: str, *, by: str = "alice", approver: str = "bob", **spec: Any) -> dict[str, Any]:
    made = court.made(by, grant(name, by, **spec))
    if approver:
        court.made(approver, approval(made, approver))
    return made


def test_a_grant_that_was_approved_is_active_and_one_of_too_early_never(settled: Court) -> None:
    made = granted(settled, "fine")
    assert settled.state(made)[0] == "Active", settled.state(made)
    state, why = settled.state(settled.early)
    assert state != "Active" and "before the admission policies surely acted" in why, (state, why)
    automated = settled.made(CI, grant("automated", CI, "open"))
    assert settled.state(automated)[0] == "Active"
    limited = granted(settled, "long", duration="100h")
    assert settled.state(limited)[0] == "Invalid" and "the binding allows 4h" in settled.state(limited)[1]


def test_the_example_of_automation_asks_and_opens(settled: Court) -> None:
    objects = documents(DEPLOY / "examples/grant-cronjob.yaml")
    done = settled.server.apply(objects)
    assert "Warning" not in done.stderr, done.stderr
    job = next(each for each in objects if each["kind"] == "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    account = f"system:serviceaccount:shop:{job['serviceAccountName']}"
    body = json.loads(next(each for each in objects if each["kind"] == "ConfigMap")["data"][job["containers"][0]["command"][-1].split("/")[-1]])
    made = settled.made(account, body)
    assert settled.state(made)[0] == "Active"


def test_times_and_uids_are_the_api_servers(settled: Court) -> None:
    theirs = {"creationTimestamp": "2020-01-01T00:00:00Z", "uid": "33333333-3333-3333-3333-333333333333"}
    made = settled.made("alice", changed(grant("times", "alice"), **theirs))
    assert all(made["metadata"][key] != value for key, value in theirs.items())
    status, after = settled.at("alice", "PUT", made, changed(made, creationTimestamp="2020-01-01T00:00:00Z"), JSON)
    assert status == 200 and after["metadata"]["creationTimestamp"] == made["metadata"]["creationTimestamp"]
    given = settled.made("bob", changed(approval(made, "bob"), creationTimestamp="2030-01-01T00:00:00Z"))
    assert not given["metadata"]["creationTimestamp"].startswith("2030")
    assert settled.state(made)[0] == "Active"


def test_nobody_trusts_a_status(settled: Court) -> None:
    status = {"phase": "Active", "expiresAt": "2030-01-01T00:00:00Z", "approvedBy": ["bob"]}
    made = settled.made("alice", {**grant("status", "alice"), "status": status})
    assert "status" not in made
    _, after = settled.at("alice", "PATCH", made, {"status": status, "spec": {"duration": "4h"}}, MERGE, "/status")
    assert after["status"]["phase"] == "Active" and after["spec"] == made["spec"]
    assert settled.state(made) == ("Pending", "grant status has 0 of 1 approvals") or settled.state(made)[0] == "Pending"


@pytest.mark.parametrize("name, forged", [
    ("another-binding", lambda court: [court.made("bob", approval(made, "bob", binding="reader")) and made for made in [court.made("alice", grant("another-binding", "alice", "other"))]][0]),
    ("own", lambda court: [court.made("erik", approval(made, "erik", requestedBy="alice")) and made for made in [court.made("erik", grant("own-request", "erik"))]][0]),
    ("second-self", lambda court: granted(court, "second-self", by=CI, approver="erik")),
    ("guessed", lambda court: [court.made("bob", approval(changed(grant("guessed", "alice"), uid="44444444-4444-4444-4444-444444444444"), "bob"))
                               and court.made("alice", changed(grant("guessed", "alice"), uid="44444444-4444-4444-4444-444444444444"))][0]),
    ("other-namespace", lambda court: [court.made("bob", changed(approval(made, "bob"), namespace="shop")) and made
                                       for made in [court.made("alice", grant("elsewhere", "alice", namespace="team-b"))]][0]),
], ids=lambda value: value if isinstance(value, str) else "")
def test_an_approval_that_says_otherwise_approves_nothing(settled: Court, name: str, forged: Callable[[Court], dict[str, Any]]) -> None:
    assert settled.state(forged(settled))[0] in ("Pending", "Invalid")


@pytest.mark.parametrize("approved_before", [True, False], ids=["name reuse", "bait and switch"])
def test_what_was_approved_cannot_be_exchanged(settled: Court, approved_before: bool) -> None:
    name = f"switch-{approved_before}".lower()
    bait = settled.made("alice", grant(name, "alice", duration="1m"))
    word = approval(bait, "bob")
    if approved_before:
        settled.made("bob", word)
    assert settled.at("alice", "DELETE", bait)[0] == 200
    switched = settled.made("alice", grant(name, "alice", duration="4h"))
    if not approved_before:
        settled.made("bob", word)
    assert settled.state(switched)[0] == "Pending"


def test_the_clock_starts_once(settled: Court) -> None:
    made = granted(settled, "clock")
    before = settled.listed()["clock"]
    until("a second has passed", lambda: datetime.now(timezone.utc) >= datetime.fromisoformat(before["from"]) + timedelta(seconds=2))
    settled.made("bob", approval(made, "bob"))
    settled.made("erik", approval(made, "erik"))
    after = settled.listed()["clock"]
    assert (after["from"], after["to"]) == (before["from"], before["to"])


def test_what_is_on_its_way_out_opens_nothing(settled: Court) -> None:
    held = granted(settled, "held")
    assert settled.at("alice", "PATCH", held, {"metadata": {"finalizers": ["a.b/hold"]}})[0] == 200
    assert settled.state(held)[0] == "Active"
    assert settled.at("alice", "DELETE", held)[0] == 200
    assert settled.now(held)["metadata"]["deletionTimestamp"] and settled.state(held)[0] == "Revoked"
    made = settled.made("alice", grant("unheld", "alice"))
    given = settled.made("bob", approval(made, "bob"))
    assert settled.at("alice", "PATCH", given, {"metadata": {"finalizers": ["a.b/hold"]}})[0] == 200
    assert settled.at(MIC, "DELETE", given)[0] == 200
    assert settled.now(given)["metadata"]["deletionTimestamp"] and settled.state(made)[0] == "Pending"


def test_a_revocation_counts_and_no_manager_takes_it_back(settled: Court) -> None:
    made = granted(settled, "ended")
    apply = {"apiVersion": OURS, "kind": "AzureIdentityGrant", "metadata": {"name": "ended"}, "spec": made["spec"]}
    status, answer = settled.at("alice", "PATCH", made, {**apply, "spec": {**made["spec"], "revocation": {"by": "alice"}}}, APPLY, "?fieldManager=a&force=true")
    assert status == 200, answer
    settled.at("alice", "PATCH", made, apply, APPLY, "?fieldManager=a&force=true")
    assert settled.state(made)[0] == "Revoked"


def test_whoever_takes_a_policy_away_ends_all_grants(settled: Court) -> None:
    """The last: nothing counts from here on."""
    made = granted(settled, "guarded")
    assert settled.state(made)[0] == "Active"
    name = "podid-grants.aadpodidentity.k8s.io"
    settled.server.kubectl("patch", "validatingadmissionpolicybinding", name, "--type=merge", "-p", '{"spec": {"validationActions": ["Warn"]}}')
    state, why = settled.state(made)
    assert state == "Invalid" and "does not deny all that its policy refuses" in why, (state, why)
    settled.server.kubectl("patch", "validatingadmissionpolicybinding", name, "--type=merge", "-p", '{"spec": {"validationActions": ["Deny"]}}')
    assert settled.state(made)[0] == "Active"
    settled.server.kubectl("delete", "validatingadmissionpolicy", name)
    assert settled.state(made)[0] == "Invalid"
