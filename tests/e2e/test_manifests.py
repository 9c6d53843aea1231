# SPDX-License-Identifier: Apache-2.0
"""deploy/: both profiles apply to an API server as they are, programs know the flags, roles and Pod Security are as strict as they say."""
from __future__ import annotations

import base64
import http.client
import json
import os
import pathlib
import re
import signal
import ssl
import subprocess
import time
import urllib.parse
from typing import Any, Callable, Iterator

import pytest

from conftest import find_control_plane
from lab import PATIENCE, ROOT, Lab, temporary_lab
from manifests import binding, managed_identity

DEPLOY = ROOT / "deploy"
PROGRAMS = ROOT / "build/dev/bin"
NMI, MIC = "system:serviceaccount:podid-node:podid-nmi", "system:serviceaccount:podid-system:podid-mic"
COMPATIBLE = [DEPLOY / "crds", DEPLOY / "rbac", DEPLOY / "nmi.yaml", DEPLOY / "mic.yaml"]
STRICT = [DEPLOY / "crds", DEPLOY / "strict", DEPLOY / "prober.yaml"]
# Not part of this repository; beside it where it is worked on.
UPSTREAM = ROOT.parent / "shared/data/aad-pod-identity"
has_upstream = pytest.mark.skipif(not UPSTREAM.exists(), reason="aad-pod-identity's manifests are not part of the repository")


def documents(*paths: pathlib.Path) -> list[dict[str, Any]]:
    """The objects of manifests; kubectl reads YAML, and asks no API server for this."""
    files = [option for path in paths for option in ("-f", str(path))]
    text = subprocess.run(["kubectl", "annotate", "--local", *files, "read-by=test", "-o", "json"], capture_output=True, text=True, check=True,
                          env={**os.environ, "KUBECONFIG": "/dev/null"}).stdout
    found, decoder, at = [], json.JSONDecoder(), 0
    while text[at:].strip():
        document, at = decoder.raw_decode(text, len(text) - len(text[at:].lstrip()))
        found += document["items"] if document["kind"] == "List" else [document]
    for document in found:
        del document["metadata"]["annotations"]["read-by"]
    return found


def workloads(*paths: pathlib.Path) -> list[dict[str, Any]]:
    return [document for document in documents(*paths) if document["kind"] in ("DaemonSet", "Deployment")]


def pod_of(workload: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "spec": workload["spec"]["template"]["spec"],
            "metadata": {"name": workload["metadata"]["name"], "namespace": workload["metadata"]["namespace"]}}


class ApiServer:
    """kubectl, and single requests, as an administrator."""

    def __init__(self, kubeconfig: pathlib.Path, url: str, token: str, ca: pathlib.Path | None):
        self.kubeconfig, self.url, self.token = kubeconfig, urllib.parse.urlsplit(url), token
        self.tls = ssl.create_default_context(cafile=str(ca)) if ca else None

    def kubectl(self, *arguments: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess:
        done = subprocess.run(["kubectl", *arguments], capture_output=True, text=True, timeout=120,
                              env={**os.environ, "KUBECONFIG": str(self.kubeconfig), "KUBECACHEDIR": str(self.kubeconfig.parent / "cache")}, **options)
        assert not check or done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done

    def apply(self, objects: list[dict[str, Any]], *options: str, check: bool = True) -> subprocess.CompletedProcess:
        # kubectl's own validation wants the OpenAPI documents of a real API server.
        return self.kubectl("apply", f"--validate={'strict' if self.tls else 'false'}", *options, "-f", "-", check=check,
                            input=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def may(self, user: str, verb: str, resource: str, namespace: str = "team") -> bool:
        return self.kubectl("auth", "can-i", verb, resource, "-n", namespace, "--as", user, check=False).stdout.strip() == "yes"

    def request(self, method: str, path: str, body: Any, user: str, node: str) -> tuple[int, str]:
        """As the account of a pod that runs on a node: what the API server makes of the token that is bound to it."""
        connection = http.client.HTTPSConnection(self.url.hostname, self.url.port, context=self.tls, timeout=30)
        connection.request(method, path, json.dumps(body), {
            "Authorization": f"Bearer {self.token}", "Content-Type": "application/merge-patch+json", "Impersonate-User": user,
            "Impersonate-Group": "system:serviceaccounts", "Impersonate-Extra-authentication.kubernetes.io%2Fnode-name": node})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def until(what: str, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"gave up waiting for: {what}"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    folder = tmp_path_factory.mktemp("control-plane")
    process = subprocess.Popen([ROOT / "scripts/start-control-plane", "--directory", folder], stdout=subprocess.PIPE, text=True)
    try:
        started = json.loads(process.stdout.readline())
        token = next(line.split(",")[0] for line in (folder / "tokens.csv").read_text().splitlines() if ",admin," in line)
        server = ApiServer(pathlib.Path(started["kubeconfig"]), started["server"], token, folder / "ca.pem")
        server.kubectl("create", "namespace", "team")
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    folder = tmp_path_factory.mktemp("embedded")
    process = subprocess.Popen([PROGRAMS / "podid-lab", "serve-apiserver"], stdout=subprocess.PIPE, text=True)
    try:
        url = json.loads(process.stdout.readline())["url"]
        config = {"apiVersion": "v1", "kind": "Config", "current-context": "c", "clusters": [{"name": "c", "cluster": {"server": url}}],
                  "users": [], "contexts": [{"name": "c", "context": {"cluster": "c"}}]}
        (folder / "kubeconfig").write_text(json.dumps(config))
        yield ApiServer(folder / "kubeconfig", url, "", None)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def crds_first(server: ApiServer, objects: list[dict[str, Any]]) -> subprocess.CompletedProcess:
    server.apply([each for each in objects if each["kind"] in ("CustomResourceDefinition", "Namespace")])
    server.kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd", "--all")
    return server.apply(objects)


@pytest.mark.parametrize("profile", [COMPATIBLE, STRICT], ids=["compatible", "strict"])
def test_programs_know_every_flag(profile: list[pathlib.Path]) -> None:
    seen = set()
    for workload in workloads(*profile):
        for container in workload["spec"]["template"]["spec"]["containers"]:
            program = re.search(r"/podid/(\w+)@", container["image"])[1]
            knows_its_flags(program, container["args"])
            seen.add(program)
    assert seen == {"nmi", "mic"}


def knows_its_flags(program: str, arguments: list[str]) -> None:
    if arguments[0] == "prove":
        # Nobody answers there: 1. What it does not understand: 2.
        last, status = ["--once", "--address=127.0.0.1", "--port=1"], 1
    else:
        last, status = ["--version"], 0
    command = [PROGRAMS / program, *[argument.replace("$(NODE_NAME)", "node-a") for argument in arguments], *last]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == status, done.stderr


@has_upstream
def test_programs_know_every_flag_of_aad_pod_identitys_manifests() -> None:
    seen = set()
    for file in sorted(UPSTREAM.glob("infra/**/*.yaml")):
        for workload in workloads(file):
            for container in workload["spec"]["template"]["spec"]["containers"]:
                knows_its_flags(container["name"], container["args"])
                seen.add(container["name"])
    assert seen == {"nmi", "mic"}


@has_upstream
@pytest.mark.real_control_plane
def test_an_api_server_with_our_definitions_takes_aad_pod_identitys_objects(real: ApiServer) -> None:
    crds_first(real, documents(DEPLOY / "crds"))
    taken = 0
    for file in sorted(UPSTREAM.glob("*/**/*.yaml")):
        objects = [each for each in documents(file) if each["apiVersion"] == "aadpodidentity.k8s.io/v1"]
        if objects:
            done = real.apply(objects, "--dry-run=server")
            assert "Warning" not in done.stderr, done.stderr
            taken += len(objects)
    assert taken >= 5


@pytest.mark.parametrize("profile", [COMPATIBLE, STRICT], ids=["compatible", "strict"])
def test_pods_have_what_hardens_them(profile: list[pathlib.Path]) -> None:
    for workload in workloads(*profile):
        pod = workload["spec"]["template"]["spec"]
        name = f"{workload['metadata']['namespace']}/{workload['metadata']['name']}"
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"] and "privileged" not in context, name
            assert context["capabilities"]["drop"] == ["ALL"], name
            assert re.fullmatch(r"[\w./-]+@sha256:[0-9a-f]{64}", container["image"]), f"{name}: a tag can be moved"
            if container["name"] != "prober":  # which listens nowhere
                assert {"livenessProbe", "readinessProbe"} <= container.keys(), name
            assert "memory" in container["resources"]["limits"], name
        if not pod.get("hostNetwork"):
            assert not any("add" in container["securityContext"]["capabilities"] for container in pod["containers"]), name


def rules_of(*paths: pathlib.Path) -> dict[str, set[tuple[str, str, str]]]:
    """Of each account: group, resource and verb of every rule that is bound to it."""
    objects = documents(*paths)
    roles = {(each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]): each for each in objects if each["kind"].endswith("Role")}
    found: dict[str, set[tuple[str, str, str]]] = {}
    for binding in (each for each in objects if each["kind"].endswith("RoleBinding")):
        reference = binding["roleRef"]
        role = roles[reference["kind"], None if reference["kind"] == "ClusterRole" else binding["metadata"]["namespace"], reference["name"]]
        for subject in binding["subjects"]:
            program = "nmi" if "nmi" in subject["name"] else "mic"
            found.setdefault(program, set()).update((group, resource, verb) for rule in role["rules"] for group in rule["apiGroups"]
                                                    for resource in rule["resources"] for verb in rule["verbs"])
    return found


def test_strict_roles_are_the_compatible_ones_less_what_strict_does_without() -> None:
    compatible, strict = rules_of(DEPLOY / "rbac"), rules_of(DEPLOY / "strict")
    ours = "aadpodidentity.k8s.io"
    upgrade = {(ours, kind, "update") for kind in ("azureidentities", "azureidentitybindings")} | {
        (ours, "azurepodidentityexceptions", verb) for verb in ("list", "update")} | {("", "configmaps", verb) for verb in ("create", "get", "update")}
    assert strict["nmi"] == compatible["nmi"] - {("", "secrets", "get")}
    assert strict["mic"] == compatible["mic"] - upgrade
    assert not any("*" in rule for rules in (*compatible.values(), *strict.values()) for rule in rules)


@pytest.mark.parametrize("profile", [COMPATIBLE, STRICT], ids=["compatible", "strict"])
def test_the_embedded_api_server_takes_them(embedded: ApiServer, profile: list[pathlib.Path]) -> None:
    done = crds_first(embedded, documents(*profile))
    assert len(done.stdout.splitlines()) == len(documents(*profile)) and "deployment.apps/mic" in done.stdout


def test_the_embedded_api_server_keeps_the_policies_and_enforces_none(embedded: ApiServer) -> None:
    policies = documents(DEPLOY / "policies", DEPLOY / "examples")
    embedded.kubectl("create", "namespace", "shop")  # of the examples
    done = crds_first(embedded, documents(DEPLOY / "crds") + policies)
    assert len(done.stdout.splitlines()) == len(documents(DEPLOY / "crds") + policies)
    kept = json.loads(embedded.kubectl("get", "azureidentitypolicy", "default", "-o", "json").stdout)
    assert {rule["name"] for rule in kept["spec"]["rules"]} == {"shop", "platform", "billing"}
    embedded.apply([{"apiVersion": "aadpodidentity.k8s.io/v1", "kind": "AzureIdentity", "metadata": {"name": "any", "namespace": "default"}, "spec": {}}])


@pytest.mark.real_control_plane
@pytest.mark.parametrize("profile", [COMPATIBLE, STRICT], ids=["compatible", "strict"])
def test_an_api_server_takes_them_without_a_warning(real: ApiServer, profile: list[pathlib.Path]) -> None:
    crds_first(real, documents(*profile))
    # As README says it, in one command, on a cluster that has the CRDs and namespaces.
    done = real.kubectl("apply", "--validate=strict", *[option for path in profile for option in ("-f", str(path))])
    assert "Warning" not in done.stderr, done.stderr
    for workload in workloads(*profile):
        kept = json.loads(real.kubectl("get", workload["kind"], workload["metadata"]["name"], "-n", workload["metadata"]["namespace"], "-o", "json").stdout)
        arguments = [container["args"] for container in workload["spec"]["template"]["spec"]["containers"]]
        assert [container["args"] for container in kept["spec"]["template"]["spec"]["containers"]] == arguments


@pytest.mark.real_control_plane
def test_pod_security_lets_the_strict_pods_in_and_no_other_privileged_one(real: ApiServer) -> None:
    crds_first(real, documents(*STRICT))
    pods = {each["metadata"]["name"]: pod_of(each) for each in workloads(*STRICT)}
    for pod in pods.values():
        # Whether a pod is let in is asked without its priority: nobody made the classes in this control plane.
        pod["spec"].pop("priorityClassName", None)
        done = real.apply([pod], "--dry-run=server")
        assert "Warning" not in done.stderr, done.stderr
    nmi = pods["nmi"]
    nmi["metadata"]["namespace"] = "podid-system"
    refused = real.apply([nmi], "--dry-run=server", check=False)
    assert refused.returncode != 0 and 'violates PodSecurity "restricted:latest"' in refused.stderr


@pytest.mark.real_control_plane
def test_strict_accounts_read_no_secret_until_a_team_lets_them(real: ApiServer) -> None:
    crds_first(real, documents(*STRICT))
    for user in (NMI, MIC):
        assert not real.may(user, "get", "secrets"), user
        assert not real.may(user, "list", "secrets"), user
        assert not real.may(user, "create", "pods"), user
        assert not real.may(user, "update", "azureidentities"), user
    assert real.may(NMI, "list", "pods") and real.may(MIC, "create", "azureassignedidentities")
    assert not real.may(NMI, "create", "azureassignedidentities") and not real.may(MIC, "create", "leases")
    assert real.may(MIC, "create", "leases", "podid-system")
    real.kubectl("create", "rolebinding", "podid-secret-reader", "-n", "team", "--clusterrole=podid-secret-reader", "--serviceaccount=podid-node:podid-nmi")
    until("the binding counts", lambda: real.may(NMI, "get", "secrets"))
    assert not real.may(NMI, "get", "secrets", "default") and not real.may(NMI, "list", "secrets")


@pytest.mark.real_control_plane
def test_an_nmi_takes_startup_taints_from_its_own_node_and_does_nothing_else_to_any(real: ApiServer) -> None:
    crds_first(real, documents(*STRICT))
    startup, foreign = ({"key": key, "effect": "NoSchedule"} for key in ("startup.aadpodidentity.k8s.io/nmi", "node.kubernetes.io/unschedulable"))
    real.apply([{"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": {"taints": [startup, foreign]}} for name in ("own", "other")])

    def patch(node: str, body: dict[str, Any]) -> tuple[int, str]:
        return real.request("PATCH", f"/api/v1/nodes/{node}", body, NMI, "own")

    until("the policy acts", lambda: patch("other", {"metadata": {"labels": {"a": "b"}}})[0] == 403)
    for node, body, said in (("other", {"spec": {"taints": [foreign]}}, "its own node only"),
                             ("own", {"spec": {"taints": [startup]}}, "only remove taints that begin with"),
                             ("own", {"spec": {"taints": [startup, foreign, {"key": "x", "effect": "NoExecute"}]}}, "only remove taints"),
                             ("own", {"spec": {"unschedulable": True}}, "nothing of a node but taints"),
                             ("own", {"metadata": {"labels": {"a": "b"}}}, "nothing of a node but taints")):
        status, text = patch(node, body)
        assert status == 403 and said in text, (node, body, text)
    status, text = patch("own", {"spec": {"taints": [foreign]}})
    assert status == 200, text
    assert json.loads(text)["spec"]["taints"] == [foreign]


# What a lab sets itself, or has in another place than a cluster.
PLACES = ("--audit-log-path=", "--node=", "--http-probe-port=", "--cloudconfig=", "--leader-election-namespace=")


@pytest.fixture(scope="module")
def strict_lab() -> Iterator[Lab]:
    """A lab with the flags of the strict profile, in which the daemons' accounts have the strict roles and no others."""
    find_control_plane()
    flags = [f"--{workload['metadata']['name']}-flag={argument}" for workload in workloads(DEPLOY / "strict")
             for container in workload["spec"]["template"]["spec"]["containers"] for argument in container["args"] if not argument.startswith(PLACES)]
    with temporary_lab("e2estr", "--nodes", "1", "--control-plane", "real", *flags) as lab:
        roles = json.dumps({"apiVersion": "v1", "kind": "List", "items": [
            each for each in documents(DEPLOY / "strict") if each["kind"].endswith(("Role", "RoleBinding"))]})
        # The lab's accounts, where the lab has them.
        for ours, labs in (("podid-nmi", "aad-pod-id-nmi-service-account"), ("podid-mic", "aad-pod-id-mic-service-account")):
            roles = roles.replace(f'{{"kind": "ServiceAccount", "name": "{ours}"', f'{{"kind": "ServiceAccount", "name": "{labs}"')
        lab.kubectl("delete", "clusterrolebinding", "aad-pod-id-nmi-binding", "aad-pod-id-mic-binding")
        lab.kubectl("delete", "rolebinding", "aad-pod-id-mic-binding", "-n", "default")
        lab.apply(roles.replace('"namespace": "podid-node"', '"namespace": "default"').replace('"namespace": "podid-system"', '"namespace": "default"'))
        for component in ("nmi-node-a", "mic-0"):
            lab.stop(component)
            lab.start(component)
        yield lab


@pytest.mark.real_control_plane
def test_with_the_strict_roles_and_flags_a_pod_gets_its_token_and_the_binding_its_event(strict_lab: Lab) -> None:
    lab = strict_lab
    one = lab.names()["identities"]["app-one"]
    lab.kubectl("create", "namespace", "shop")
    lab.apply([managed_identity("one", one, "shop"), binding("one", "one", "one", "shop")])
    lab.add_pod("web", labels={"aadpodidbinding": "one"}, namespace="shop")
    # As the example, by a label: nothing is allowed without it.
    denied = lab.token("web", namespace="shop")
    assert denied.status == 403 and "there is no AzureIdentityPolicy default" in denied.body, denied
    label = {"policy.aadpodidentity.k8s.io/team": "shop"}
    lab.apply([{"apiVersion": "aadpodidentity.k8s.io/v1", "kind": "AzureIdentityPolicy", "metadata": {"name": "default"}, "spec": {"rules": [
        {"name": "shop", "namespaces": {"matchLabels": label}, "resourceIDs": [one["resourceID"].upper()]}]}}])
    lab.wait("another reason", lambda: "has no rule that lets namespace shop use any identity" in lab.token("web", namespace="shop").body)
    lab.kubectl("label", "namespace", "shop", *[f"{key}={value}" for key, value in label.items()])
    lab.wait("the label counts", lambda: lab.token("web", namespace="shop").status == 200)
    assert lab.token("web", namespace="shop").claims()["appid"] == one["clientID"]
    lab.wait("the event", lambda: any(event["reason"] == "TokenIssued" and event["involvedObject"]["name"] == "one"
                                      for event in lab.get("events", namespace="shop")["items"]))
    lab.kubectl("delete", "azureidentitybinding", "one", "-n", "shop")
    lab.wait("the assignment is gone", lambda: not lab.assigned("shop"))


@pytest.mark.real_control_plane
def test_in_the_strict_profile_no_label_and_no_other_namespace_gives_an_identity(strict_lab: Lab) -> None:
    lab = strict_lab
    one = lab.names()["identities"]["app-one"]
    lab.kubectl("create", "namespace", "mallory")
    lab.apply([managed_identity("open", one), binding("open", "open", "open")])
    lab.add_pod("thief", labels={"aadpodidbinding": "open"}, namespace="mallory")
    assert lab.token("thief", namespace="mallory").status in (400, 403, 404)
    # What the compatible profile takes for the controller.
    lab.apply([{"apiVersion": "v1", "kind": "Pod", "spec": {"nodeName": "node-a", "containers": [{"name": "main", "image": "lab.invalid/none"}]},
                "metadata": {"name": "mic-fake", "namespace": "default", "labels": {"app": "mic", "component": "mic"},
                             "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "mic-1", "uid": "u"}]}}])
    lab.wait("it runs", lambda: lab.get("pod", "mic-fake").get("status", {}).get("phase") == "Running")
    assert lab.token("mic-fake").status in (400, 403, 404)
    host = lab.node_exec("node-a", "curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", "podns: shop", "-H", "podname: web",
                         "http://127.0.0.1:2579/host/token?resource=https://vault.azure.net")
    assert host.stdout in ("403", "404"), host.stdout
