# SPDX-License-Identifier: Apache-2.0
"""podid as people use it: grants take two, and what it says of them is what the rules say, by the API server's clock."""
import json

import pytest
from manifests import binding, managed_identity

APPROVERS = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: people, namespace: {ns}}}
rules:
- {{apiGroups: [aadpodidentity.k8s.io], resources: [azureidentitygrants], verbs: [get, list, create, patch, update]}}
- {{apiGroups: [aadpodidentity.k8s.io], resources: [azureidentitygrantapprovals], verbs: [get, list, create]}}
- {{apiGroups: [aadpodidentity.k8s.io], resources: [azureidentitybindings], verbs: [get, list]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: approver, namespace: {ns}}}
rules:
- {{apiGroups: [aadpodidentity.k8s.io], resources: [azureidentitybindings], verbs: [approve]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: people, namespace: {ns}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: people}}
subjects:
- {{apiGroup: rbac.authorization.k8s.io, kind: User, name: alice}}
- {{apiGroup: rbac.authorization.k8s.io, kind: User, name: bob}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: approver, namespace: {ns}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: approver}}
subjects:
- {{apiGroup: rbac.authorization.k8s.io, kind: User, name: bob}}
"""


def limited(lab, names, namespace):
    one = binding("app", "one", f"app-{namespace}", namespace=namespace)
    one["spec"]["access"] = {"grant": {"maxDuration": "4h", "approvals": 1}}
    lab.apply([managed_identity("one", names["identities"]["app-one"], namespace), one])


def state(lab, namespace):
    return json.loads(lab.podid_as("", "grant", "list", "-n", namespace, "-o", "json").stdout)["items"][0]["state"]


def test_a_grant_takes_two_and_ends_by_itself(fresh_lab):
    lab, namespace = fresh_lab, "default"
    limited(lab, lab.names(), namespace)
    lab.podid_as("alice", "grant", "request", "app", "--duration", "1h", "--reason", "INC-4711", "--name", "g", "-n", namespace)
    assert state(lab, namespace) == "Pending"
    own = lab.podid_as("alice", "grant", "approve", "g", "-n", namespace, check=False)
    assert own.returncode == 1 and "nobody approves their own request" in own.stderr
    shown = lab.podid_as("bob", "grant", "approve", "g", "-n", namespace).stdout
    assert "alice" in shown and "INC-4711" in shown
    assert state(lab, namespace) == "Active"
    status = lab.podid_as("", "status", "-A", check=False).stdout
    assert "PROBLEM" not in status, status
    lab.set_clock("+61m")
    assert state(lab, namespace) == "Expired"
    lab.podid_as("alice", "grant", "request", "app", "--duration", "30m", "--reason", "again", "--name", "h", "-n", namespace)
    lab.podid_as("bob", "grant", "deny", "h", "-n", namespace, "--reason", "not today")
    assert "by bob: not today" in lab.podid_as("", "grant", "list", "-n", namespace).stdout


def test_what_podid_says_of_a_grant_is_what_the_nmi_does(fresh_lab):
    lab, namespace = fresh_lab, "default"
    limited(lab, lab.names(), namespace)
    lab.add_pod("web", "node-a", {"aadpodidbinding": f"app-{namespace}"})
    lab.wait("the NMI knows the binding and the policies", lambda: "there is no grant for this pod" in (answer := lab.token("web")).body
             and answer.status == 403)
    assert lab.podid_as("", "who-can", "one", check=False).returncode == 1
    lab.podid_as("alice", "grant", "request", "app", "--duration", "1h", "--reason", "INC-4711", "--name", "g")
    lab.podid_as("bob", "grant", "approve", "g")
    lab.wait_for_token("the grant is active", "web")
    lab.wait("who-can says yes", lambda: lab.podid_as("", "who-can", "one", check=False).returncode == 0)
    row = json.loads(lab.podid_as("", "status", "-o", "json").stdout)["pods"][0]
    assert row["state"] == "Ready" and row["access"].startswith("open until "), row
    assert "granted: " in lab.explain("web", namespace)
    lab.podid_as("alice", "grant", "revoke", "g")
    lab.wait("the NMI refuses", lambda: lab.token("web").status == 403)
    assert json.loads(lab.podid_as("", "status", "-o", "json").stdout)["pods"][0]["state"] == "Closed"
    assert "grant_missing" in lab.explain("web", namespace)


def test_who_may_not_is_told_so(lab, names, namespace, request):
    if "real" not in lab.name:
        pytest.skip("the embedded API server lets everybody do everything")
    limited(lab, names, namespace)
    refused = lab.podid_as("alice", "grant", "request", "app", "--duration", "1h", "--reason", "r", "-n", namespace, check=False)
    assert refused.returncode == 1 and "cannot" in refused.stderr
    lab.apply(APPROVERS.format(ns=namespace))
    lab.podid_as("alice", "grant", "request", "app", "--duration", "1h", "--reason", "r", "--name", "g", "-n", namespace)
    assert lab.podid_as("alice", "grant", "approve", "g", "-n", namespace, "--can-i", check=False).returncode == 1
    assert lab.podid_as("bob", "grant", "approve", "g", "-n", namespace, "--can-i").stdout == "yes\n"
    lab.podid_as("bob", "grant", "approve", "g", "-n", namespace)
    approvers = lab.podid_as("", "status", "-n", namespace, check=False).stdout
    assert f"binding {namespace}/app: " in approvers and "User bob (Role approver)" in approvers
