# SPDX-License-Identifier: Apache-2.0
"""deploy/policies on a real API server: what tenants, operators and the MIC may write, and what they may not (SEC-10)."""
from __future__ import annotations

import json
from typing import Any, Iterator

import pytest

from lab import ROOT
from test_manifests import DEPLOY, ApiServer, crds_first, documents, until
from test_manifests import real  # noqa: F401  (a fixture; the control plane is this module's own)

pytestmark = pytest.mark.real_control_plane

POLICIES = DEPLOY / "policies"
OURS = "aadpodidentity.k8s.io/v1"
LABEL = "policy.aadpodidentity.k8s.io/team"
MIC = "system:serviceaccount:podid-system:podid-mic"
IN_DEFAULT = "system:serviceaccount:default:aad-pod-id-mic-service-account"
GROUP = "/subscriptions/s1/resourceGroups/{}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/"
OWN_CLIENT, OTHER_CLIENT = "11111111-aaaa-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"


def managed(group: str, name: str) -> dict[str, Any]:
    return {"type": 0, "resourceID": GROUP.format(group) + name}


def principal(client: str, **more: Any) -> dict[str, Any]:
    return {"type": 1, "clientID": client, "tenantID": "t", "clientPassword": {"name": "s"}, **more}


def identity(name: str, spec: dict[str, Any], namespace: str = "shop") -> dict[str, Any]:
    return {"apiVersion": OURS, "kind": "AzureIdentity", "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def binding(name: str, namespace: str) -> dict[str, Any]:
    return {"apiVersion": OURS, "kind": "AzureIdentityBinding", "metadata": {"name": name, "namespace": namespace},
            "spec": {"azureIdentity": name, "selector": name}}


def role(kind: str, name: str, namespace: str | None, user: str, rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    group = "rbac.authorization.k8s.io"
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    return [{"apiVersion": f"{group}/v1", "kind": kind, "metadata": meta, "rules": rules},
            {"apiVersion": f"{group}/v1", "kind": f"{kind}Binding", "metadata": meta, "roleRef": {"apiGroup": group, "kind": kind, "name": name},
             "subjects": [{"apiGroup": group, "kind": "User", "name": user}]}]


class Guarded:
    """An API server with our policies, and people on it: alice may do everything in shop, polly writes the policy, nora makes namespaces."""

    def __init__(self, server: ApiServer):
        self.server = server

    def says(self, user: str, *arguments: str, body: Any = None) -> str:
        """Empty: it was done. Else what the API server said."""
        given = {"input": json.dumps(body)} if body is not None else {}
        done = self.server.kubectl(*arguments, *(["--as", user] if user else []), check=False, **given)
        return "" if done.returncode == 0 else done.stdout + done.stderr

    def create(self, user: str, body: dict[str, Any]) -> str:
        said = self.says(user, "create", "--dry-run=server", "-f", "-", body=body)
        assert said == "" or "orbidden" in said or "denied request" in said, said
        return said

    def patch(self, user: str, kind: str, name: str, body: Any, *more: str) -> str:
        return self.says(user, "patch", kind, name, "--type=merge", "-p", json.dumps(body), *more)

    def labels(self, user: str, name: str, labels: dict[str, str | None], *more: str) -> str:
        return self.patch(user, "namespace", name, {"metadata": {"labels": labels}}, *more)


@pytest.fixture(scope="module")
def guarded(real: ApiServer) -> Iterator[Guarded]:  # noqa: F811
    everything = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    namespaces = [{"apiGroups": [""], "resources": ["namespaces", "namespaces/status"], "verbs": ["get", "create", "update", "patch"]}]
    crds_first(real, documents(DEPLOY / "crds"))
    for name in ("shop", "vault", "labelled", "none"):
        real.kubectl("create", "namespace", name)
    # From before, and allowed by nothing.
    real.apply([identity("old", managed("theirs", "old")), binding("old", "none")])
    policy = {"apiVersion": OURS, "kind": "AzureIdentityPolicy", "metadata": {"name": "default"}, "spec": {"rules": [
        {"name": "shop", "namespaces": {"names": ["shop"]}, "resourceIDs": [GROUP.format("shop") + "Reader"], "clientIDs": [OWN_CLIENT]},
        {"name": "group", "namespaces": {"names": ["shop", "vault"]}, "types": [0], "resourceIDs": [GROUP.format("shared") + "*"]},
        {"name": "labels", "namespaces": {"matchLabels": {LABEL: "a"}}, "resourceIDs": [GROUP.format("labels") + "one"]}]}}
    real.apply([policy], "--server-side", "--field-manager=platform")
    done = real.kubectl("apply", "--validate=strict", "-f", str(POLICIES))
    assert "Warning" not in done.stderr, done.stderr
    editor = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "polly-writes-the-policy"},
              "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "podid-policy-editor"},
              "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "polly"}]}
    real.apply([*role("Role", "tenant", "shop", "alice", everything), *role("ClusterRole", "namespaces", None, "nora", namespaces),
                *role("ClusterRole", "polly-namespaces", None, "polly", namespaces), editor,
                *role("Role", "default", "shop", IN_DEFAULT, everything),
                *role("Role", "upgrade", "shop", MIC, [{"apiGroups": ["aadpodidentity.k8s.io"], "resources": ["azureidentities"], "verbs": ["get", "update", "patch"]}])])
    made = Guarded(real)
    until("roles count", lambda: real.may("alice", "create", "azureidentities", "shop") and real.may("polly", "update", "azureidentitypolicies/default", "shop"))
    until("the policies act", lambda: all((made.create("alice", identity("x", managed("theirs", "x"))), made.create("", binding("x", "none")),
                                           made.labels("alice", "shop", {LABEL: "a"}, "--dry-run=server"))))
    yield made


@pytest.mark.parametrize("spec", [
    managed("shop", "Reader"), managed("SHOP", "reader"), managed("shared", "anything"), {"resourceID": GROUP.format("shared") + "anything/ "},
    principal(OWN_CLIENT), principal(OWN_CLIENT.upper()), {**managed("shop", "reader"), "clientID": OTHER_CLIENT},
    {"type": 0, "clientID": OWN_CLIENT}], ids=str)
def test_what_a_rule_allows_may_be_declared(guarded: Guarded, spec: dict[str, Any]) -> None:
    assert guarded.create("alice", identity("mine", spec)) == ""


@pytest.mark.parametrize("spec", [
    managed("theirs", "x"), managed("shop", "other"), managed("shop", "reader2"), managed("labels", "one"),
    managed("shared", "../../../x"), managed("shared", ".."), managed("shared", "*"), managed("shop", "*"), managed("shared", ""), managed("shared", "a/b"),
    managed("shared/x", "y"), {"type": 0, "clientID": OTHER_CLIENT}, {"type": 0}, {}, {**managed("theirs", "x"), "clientID": OWN_CLIENT},
    principal(OTHER_CLIENT), principal(""), principal(OTHER_CLIENT, resourceID=GROUP.format("shop") + "Reader"),
    {**principal(OTHER_CLIENT), "type": 3}], ids=str)
def test_what_no_rule_allows_may_not_be_declared_by_anybody(guarded: Guarded, spec: dict[str, Any]) -> None:
    for user in ("alice", ""):  # nor by an administrator
        assert "AzureIdentityPolicy default has no rule that lets namespace shop use" in guarded.create(user, identity("theirs", spec)), user


def test_a_rule_is_for_its_namespaces_alone(guarded: Guarded) -> None:
    assert guarded.create("", identity("one", managed("shared", "x"), "vault")) == ""
    assert "no rule that lets namespace vault" in guarded.create("", identity("one", managed("shop", "reader"), "vault"))
    assert "no rule is for this namespace" in guarded.create("", identity("one", managed("shared", "x"), "none"))
    assert "no rule is for this namespace" in guarded.create("", identity("one", managed("labels", "one"), "labelled"))
    assert guarded.labels("polly", "labelled", {LABEL: "a"}) == ""
    until("the label counts", lambda: guarded.create("", identity("one", managed("labels", "one"), "labelled")) == "")
    assert guarded.labels("polly", "labelled", {LABEL: "b"}) == ""
    until("the other one does not", lambda: guarded.create("", identity("one", managed("labels", "one"), "labelled")) != "")


def test_an_allowed_object_cannot_be_switched_to_what_is_not(guarded: Guarded) -> None:
    assert guarded.says("alice", "create", "-f", "-", body=identity("switch", managed("shop", "reader"))) == ""
    theirs = {"spec": {"resourceID": GROUP.format("theirs") + "x"}}
    assert "no rule that lets namespace shop" in guarded.patch("alice", "azureidentity", "switch", theirs, "-n", "shop")
    assert "no rule that lets namespace shop" in guarded.says("alice", "apply", "--server-side", "--force-conflicts", "-f", "-",
                                                             body=identity("switch", managed("theirs", "x")))
    assert guarded.patch("alice", "azureidentity", "switch", {"spec": {"resourceID": GROUP.format("shared") + "x"}}, "-n", "shop") == ""


def test_objects_from_before_can_be_labelled_and_deleted_and_the_mic_may_rewrite_them(guarded: Guarded) -> None:
    assert guarded.patch("alice", "azureidentity", "old", {"metadata": {"labels": {"a": "b"}}}, "-n", "shop") == ""
    change = {"spec": {"tenantID": "t"}}
    assert "no rule that lets namespace shop" in guarded.patch("alice", "azureidentity", "old", change, "-n", "shop")
    assert guarded.patch(MIC, "azureidentity", "old", change, "-n", "shop") == ""
    assert guarded.patch("", "azureidentitybinding", "old", {"metadata": {"labels": {"a": "b"}}}, "-n", "none") == ""
    assert guarded.says("alice", "delete", "azureidentity", "old", "-n", "shop") == ""


def test_a_name_makes_no_mic_of_an_account_in_namespace_default(guarded: Guarded) -> None:
    theirs = identity("made", managed("theirs", "x"))
    assert "no rule that lets namespace shop" in guarded.create(IN_DEFAULT, theirs)
    # As deploy/rbac/mic.yaml has it.
    guarded.server.apply(role("ClusterRole", "mic-in-default", None, IN_DEFAULT,
                              [{"apiGroups": ["aadpodidentity.k8s.io"], "resources": ["azureassignedidentities"], "verbs": ["create"]}]))
    until("it is the MIC's", lambda: guarded.create(IN_DEFAULT, theirs) == "")


def test_a_binding_needs_some_rule_for_its_namespace(guarded: Guarded) -> None:
    assert guarded.create("alice", binding("b", "shop")) == ""
    assert "no rule for namespace none, so no binding there has an effect" in guarded.create("", binding("b", "none"))


def test_without_the_object_nothing_may_be_declared(guarded: Guarded) -> None:
    kept = json.loads(guarded.server.kubectl("get", "azureidentitypolicy", "default", "-o", "json").stdout)
    assert guarded.says("polly", "delete", "azureidentitypolicy", "default") == ""
    until("it is gone for the policies", lambda: guarded.create("alice", identity("mine", managed("shop", "reader"))) != "")
    guarded.server.apply([{key: kept[key] for key in ("apiVersion", "kind", "spec")} | {"metadata": {"name": "default"}}],
                         "--server-side", "--field-manager=platform")
    until("it is back", lambda: guarded.create("alice", identity("mine", managed("shop", "reader"))) == "")


def test_only_who_may_change_the_policy_changes_the_labels_that_it_goes_by(guarded: Guarded) -> None:
    protected = "changed by those alone who may update azureidentitypolicies/default"
    assert guarded.labels("alice", "shop", {"team": "a"}) == "", "other labels are the tenant's"
    assert protected in guarded.labels("alice", "shop", {LABEL: "a"})
    assert protected in guarded.labels("alice", "shop", {LABEL: "a"}, "--subresource=status")
    assert protected in guarded.says("alice", "apply", "--server-side", "-f", "-",
                                     body={"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {LABEL: "a"}}})
    assert guarded.labels("polly", "shop", {LABEL: "a"}) == ""
    assert protected in guarded.labels("alice", "shop", {LABEL: "b"})
    assert protected in guarded.labels("alice", "shop", {LABEL: None}), "whoever loses the label may have been held by it"
    assert protected in guarded.says("alice", "patch", "namespace", "shop", "--type=json", "-p", json.dumps([{"op": "remove", "path": "/metadata/labels"}]))
    assert guarded.labels("alice", "shop", {"team": "b"}) == "", "beside it they still are"
    assert protected in guarded.create("nora", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "new", "labels": {LABEL: "a"}}})
    assert guarded.create("nora", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "new"}}) == ""
    assert guarded.labels("polly", "shop", {LABEL: None}) == ""


def test_no_role_inside_a_namespace_gives_the_policy(guarded: Guarded) -> None:
    assert "forbidden" in guarded.patch("alice", "azureidentitypolicy", "default", {"spec": {"rules": []}})
    assert "forbidden" in guarded.says("alice", "get", "azureidentitypolicy", "default")


@pytest.mark.parametrize("change, said", [
    ({"metadata": {"name": "second"}}, "the policy's name is default"),
    ({"rule": {"resourceIDs": None}}, "a rule needs resourceIDs"),
    ({"rule": {"namespaces": {}}}, "namespaces needs either names or matchLabels"),
    ({"rule": {"namespaces": {"names": ["a"], "matchLabels": {LABEL: "a"}}}}, "namespaces needs either names or matchLabels"),
    ({"rule": {"namespaces": {"matchLabels": {"kubernetes.io/metadata.name": "a"}}}}, "only labels policy.aadpodidentity.k8s.io/"),
    ({"rule": {"resourceIDs": [GROUP.format("g") + "a*"]}}, "resourceIDs[0]"),
    ({"rule": {"resourceIDs": ["/subscriptions/s1/*"]}}, "resourceIDs[0]"),
    ({"rule": {"clientIDs": ["*"]}}, "clientIDs[0]"),
    ({"rule": {"types": [4]}}, "types[0]"),
    ({"rule": {"requireAccess": ["always"]}}, "requireAccess[0]"),
    ({"rule": {"name": ""}}, "name"),
], ids=str)
def test_the_definition_refuses_rules_that_mean_nothing(guarded: Guarded, change: dict[str, Any], said: str) -> None:
    rule = {"name": "r", "namespaces": {"names": ["shop"]}, "resourceIDs": [GROUP.format("g") + "a"], **change.get("rule", {})}
    policy = {"apiVersion": OURS, "kind": "AzureIdentityPolicy", "metadata": {"name": "default", **change.get("metadata", {})},
              "spec": {"rules": [{key: value for key, value in rule.items() if value is not None}]}}
    assert said in guarded.says("", "apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-", body=policy)


def test_each_teams_rule_can_have_its_own_owner(guarded: Guarded) -> None:
    def rule(team: str) -> dict[str, Any]:
        return {"apiVersion": OURS, "kind": "AzureIdentityPolicy", "metadata": {"name": "default"}, "spec": {"rules": [
            {"name": team, "namespaces": {"names": [team]}, "resourceIDs": [GROUP.format(team) + "*"]}]}}
    for team in ("red", "blue"):
        assert guarded.says("polly", "apply", "--server-side", f"--field-manager={team}", "-f", "-", body=rule(team)) == ""
    rules = json.loads(guarded.server.kubectl("get", "azpolicy", "default", "-o", "json").stdout)["spec"]["rules"]
    assert {"shop", "group", "labels", "red", "blue"} == {each["name"] for each in rules}
    assert guarded.says("polly", "apply", "--server-side", "--field-manager=red", "-f", "-", body={**rule("red"), "spec": {"rules": []}}) == ""
    rules = json.loads(guarded.server.kubectl("get", "azpolicy", "default", "-o", "json").stdout)["spec"]["rules"]
    assert "red" not in {each["name"] for each in rules} and "blue" in {each["name"] for each in rules}


def test_the_example_is_valid(guarded: Guarded) -> None:
    done = guarded.server.kubectl("apply", "--server-side", "--validate=strict", "--dry-run=server", "--field-manager=example", "--force-conflicts", "-f",
                                  str(ROOT / "deploy/examples/azureidentitypolicy.yaml"))
    assert "Warning" not in done.stderr


KINDS = ("azureidentities", "azureidentitybindings", "azurepodidentityexceptions", "azureassignedidentities", "azureidentitypolicies")


@pytest.mark.parametrize("name, writes, aggregates", [
    ("podid-viewer", set(), "view"), ("podid-binding-editor", {"azureidentitybindings"}, "edit"), ("podid-identity-editor", {"azureidentities"}, "admin"),
    ("podid-exception-editor", {"azurepodidentityexceptions"}, None)])
def test_a_role_writes_one_kind(guarded: Guarded, name: str, writes: set[str], aggregates: str | None) -> None:
    server, user = guarded.server, f"user-of-{name}"
    server.kubectl("create", "rolebinding", name, "-n", "shop", f"--clusterrole={name}", f"--user={user}")
    until("the binding counts", lambda: any(server.may(user, verb, kind, "shop") for kind in KINDS for verb in ("list", "create")))
    for verb in ("create", "update", "patch", "delete"):
        assert {kind for kind in KINDS if server.may(user, verb, kind, "shop")} == writes, verb
    labels = json.loads(server.kubectl("get", "clusterrole", name, "-o", "json").stdout)["metadata"].get("labels", {})
    assert labels == ({f"rbac.authorization.k8s.io/aggregate-to-{aggregates}": "true"} if aggregates else {})
