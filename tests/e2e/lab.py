# SPDX-License-Identifier: Apache-2.0
"""A handle on a running lab, for the demo and the end-to-end tests: `podid lab` and `kubectl` as subprocesses."""
from __future__ import annotations

import base64
import contextlib
import datetime
import json
import os
import pathlib
import shutil
import subprocess
import time
import urllib.parse
from dataclasses import dataclass
from typing import Any, Callable, Iterator

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LOGS = ROOT / "build/e2e-logs"
# Of the labs' names, at most 5 of a-z and 0-9: with different ones two runs can go on beside each other on one machine. The processes
# of one run (pytest-xdist's gw0, gw1 …) have the labs to themselves by their number.
SUFFIX = os.environ.get("PODID_E2E_SUFFIX", "") + os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
VAULT = "https://vault.azure.net"
TOKEN_URL = "http://169.254.169.254/metadata/identity/oauth2/token"
# Must be long enough for a loaded machine; a wait normally ends within milliseconds.
PATIENCE = 90.0


@dataclass
class Answer:
    """An HTTP answer as a pod saw it; status 0 when no connection was made."""
    status: int
    body: str
    error: str = ""

    @property
    def connection_refused(self) -> bool:
        """curl's exit code 7: the SYN was answered with a reset, nothing was sent or waited for."""
        return self.status == 0 and self.error.startswith("curl: (7)")

    def json(self) -> Any:
        return json.loads(self.body)

    def claims(self) -> dict[str, Any]:
        """The claims of the access token (not verified here: the protected resource does that)."""
        return claims_of(self.json()["access_token"])


def claims_of(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


class LabError(Exception):
    pass


def server_of(keeper: int) -> int:
    """An NMI is two processes: the keeper, which the lab knows, and its child, which answers."""
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, fields = stat.read_text().partition("(")[2].rpartition(")")
        except OSError:  # it has ended meanwhile
            continue
        if name == "nmi-server" and int(fields.split()[1]) == keeper:
            return int(stat.parent.name)
    raise LabError(f"process {keeper} has no server")


class Lab:
    def __init__(self, name: str, directory: str | None = None):
        self.name = name
        self.directory = directory or f"/run/podid/lab/{name}"
        self.stopped: set[str] = set()  # components that a test ended on purpose
        self.podid = os.environ.get("PODID_BINARY", str(ROOT / "build/dev/bin/podid"))

    # -- life of the lab ------------------------------------------------------------------------------------------
    def up(self, *arguments: str) -> None:
        self.run("up", *arguments, timeout=180)

    def down(self) -> None:
        self.run("down", timeout=60)

    def run(self, verb: str, *arguments: str, timeout: float = 120, check: bool = True) -> subprocess.CompletedProcess:
        """podid lab VERB --name … --dir … ARGUMENTS"""
        command = [self.podid, "lab", verb, "--name", self.name, "--dir", self.directory, *arguments]
        return self._subprocess(command, timeout=timeout, check=check)

    def _subprocess(self, command: list[str], timeout: float, check: bool = True, **options: Any) -> subprocess.CompletedProcess:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, stdin=options.pop("stdin", subprocess.DEVNULL)
                              if "input" not in options else None, **options)
        if check and done.returncode != 0:
            raise LabError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def stop(self, component: str, signal: str = "TERM") -> None:
        self.stopped.add(component)
        self.run("stop", component, "--signal", signal)

    def start(self, component: str) -> None:
        self.run("start", component)
        self.stopped.discard(component)

    def set_clock(self, *action: str) -> None:
        """Drives the clock of all the lab's programs (not of pods and kubectl): "+2h", or "set", "2026-12-01T23:59:58Z", or "reset".
        Only with the embedded control plane. What sleeps until an instant sees a jump when it next looks."""
        self.run("clock", *action)

    def now(self) -> datetime.datetime:
        """The time by the lab's clock."""
        return datetime.datetime.fromisoformat(self.run("clock").stdout.split()[0].replace("Z", "+00:00"))

    def components(self) -> list[dict[str, Any]]:
        """The lab's programs: name, running, pid, namespace."""
        return json.loads(self.run("status", "-o", "json", check=False).stdout)["components"]

    def pid(self, component: str) -> int:
        return next(each["pid"] for each in self.components() if each["name"] == component)

    def revive(self) -> None:
        """Starts the MICs that have ended, as a kubelet does: one that cannot renew its lease ends (docs/operating-mic.md)."""
        for component in self.components():
            name = component["name"]
            if name.startswith("mic-") and not component["running"] and name not in self.stopped:
                self.start(name)

    # -- Kubernetes ------------------------------------------------------------------------------------------------
    def environment(self) -> dict[str, str]:
        return {**os.environ, "KUBECONFIG": f"{self.directory}/kubeconfig", "KUBECACHEDIR": f"{self.directory}/kubectl-cache"}

    def kubectl(self, *arguments: str, check: bool = True, timeout: float = 60) -> subprocess.CompletedProcess:
        return self._subprocess(["kubectl", *arguments], timeout=timeout, check=check, env=self.environment())

    def apply(self, manifest: str | list[dict[str, Any]]) -> None:
        """Applies YAML text, or objects."""
        text = manifest if isinstance(manifest, str) else json.dumps({"apiVersion": "v1", "kind": "List", "items": manifest})
        self._subprocess(["kubectl", "apply", "--validate=false", "-f", "-"], timeout=60, input=text, env=self.environment())

    def get(self, kind: str, name: str = "", namespace: str = "default") -> Any:
        arguments = ["get", kind, *([name] if name else []), "-n", namespace, "-o", "json"]
        return json.loads(self.kubectl(*arguments).stdout)

    def assigned(self, namespace: str = "default") -> dict[str, str]:
        """Name → state of the AzureAssignedIdentities."""
        items = self.get("azureassignedidentities", namespace=namespace)["items"]
        return {item["metadata"]["name"]: item.get("status", {}).get("status", "") for item in items}

    def explain(self, pod: str, namespace: str, *arguments: str) -> str:
        """What `podid explain pod` prints."""
        command = [self.podid, "explain", "pod", pod, "-n", namespace, *arguments]
        return self._subprocess(command, timeout=60, check=False, env=self.environment()).stdout

    def podid_as(self, user: str, *arguments: str, check: bool = True, timeout: float = 60) -> subprocess.CompletedProcess:
        """`podid …` as "alice", "bob" or, with "", the lab's administrator."""
        kubeconfig = f"{self.directory}/{user}.kubeconfig" if user else f"{self.directory}/kubeconfig"
        return self._subprocess([self.podid, *arguments], timeout=timeout, check=check, env={**os.environ, "KUBECONFIG": kubeconfig})

    def wait(self, what: str, condition: Callable[[], Any], patience: float = PATIENCE) -> Any:
        """Polls until the condition holds, and returns what it returned."""
        start = time.monotonic()
        deadline, revival = start + patience, start + 5
        while True:
            if time.monotonic() > revival:
                self.revive()
                revival = time.monotonic() + 5
            try:
                result = condition()
                problem = ""
            except (LabError, KeyError, ValueError) as error:
                result, problem = None, f" ({error})"
            if result:
                return result
            if time.monotonic() > deadline:
                raise LabError(f"gave up waiting for: {what}{problem}")
            time.sleep(0.05)

    # -- pods ------------------------------------------------------------------------------------------------------
    def add_pod(self, name: str, node: str = "node-a", labels: dict[str, str] | None = None, namespace: str = "default") -> None:
        flags = [flag for key, value in (labels or {}).items() for flag in ("--label", f"{key}={value}")]
        self.run("pod", "add", name, "--node", node, "--namespace", namespace, *flags)

    def remove_pod(self, name: str, namespace: str = "default") -> None:
        self.run("pod", "rm", name, "--namespace", namespace)

    def exec(self, pod: str, *command: str, namespace: str = "default", timeout: float = 180, check: bool = True,
             environment: dict[str, str] | None = None) -> subprocess.CompletedProcess:
        return self._subprocess(self.exec_command(pod, *command, namespace=namespace), timeout=timeout, check=check,
                                env={**os.environ, **(environment or {})})

    def exec_command(self, pod: str, *command: str, namespace: str = "default") -> list[str]:
        return [self.podid, "lab", "exec", "--name", self.name, "--dir", self.directory, "--namespace", namespace, pod, "--", *command]

    def node_exec(self, node: str, *command: str, check: bool = True, timeout: float = 60) -> subprocess.CompletedProcess:
        return self._subprocess([self.podid, "lab", "exec", "--name", self.name, "--dir", self.directory, "--node", node, "--", *command],
                                timeout=timeout, check=check)

    def curl(self, pod: str, url: str, *options: str, namespace: str = "default", max_time: float = 100) -> Answer:
        """One request from inside the pod, by curl."""
        done = self.exec(pod, "curl", "-sS", "--max-time", str(max_time), "-o", "-", "-w", "\n%{http_code}", *options, url,
                         namespace=namespace, check=False)
        body, _, status = done.stdout.rpartition("\n")
        return Answer(int(status) if status.isdigit() else 0, body, done.stderr.strip())

    def token(self, pod: str, resource: str = VAULT, namespace: str = "default", max_time: float = 100, **selectors: str) -> Answer:
        """What an SDK asks of the metadata endpoint."""
        query = urllib.parse.urlencode({"api-version": "2018-02-01", "resource": resource, **selectors})
        return self.curl(pod, f"{TOKEN_URL}?{query}", "-H", "Metadata: true", namespace=namespace, max_time=max_time)

    def wait_for_token(self, what: str, pod: str, namespace: str = "default", **selectors: str) -> Answer:
        """Asks until there is one: `what` says why it takes a while."""
        def issued() -> Answer | None:
            answer = self.token(pod, namespace=namespace, **selectors)
            return answer if answer.status == 200 else None
        return self.wait(what, issued)

    def read_secret(self, pod: str, token: Answer, namespace: str = "default") -> Answer:
        """Reads the protected resource with the token; it verifies issuer, audience, signature and expiry."""
        return self.curl(pod, "https://store.vault.azure.net/secrets/greeting?api-version=7.4", "-H",
                         f"Authorization: Bearer {token.json()['access_token']}", "--cacert", f"{self.directory}/ca.pem", namespace=namespace)

    # -- what the NMI says -----------------------------------------------------------------------------------------
    def nmi_metrics(self, node: str) -> dict[str, float]:
        """Series, as the NMI writes them, → value; rendered now, not for somebody who asked within the last second."""
        def rendered() -> str | None:
            head, _, body = self.node_exec(node, "curl", "-sS", "-i", "http://127.0.0.1:9090/metrics").stdout.partition("\n\n")
            return None if "\nAge:" in head else body
        text = self.wait("metrics that are rendered now", rendered)
        lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return {series: float(value) for series, _, value in lines}

    # -- the Azure simulator ---------------------------------------------------------------------------------------
    def names(self) -> dict[str, Any]:
        """What exists in the simulated Azure (names.json)."""
        return json.loads(pathlib.Path(self.directory, "names.json").read_text())

    def azure(self, path: str, body: Any = None) -> Any:
        """The simulator's control interface."""
        command = [self.podid, "lab", "exec", "--name", self.name, "--dir", self.directory, "--control-plane", "--",
                   "curl", "-sS", "--fail-with-body", f"http://10.80.0.1:9900{path}"]
        if body is not None:
            command += ["-X", "POST", "-H", "Content-Type: application/json", "-d", json.dumps(body)]
        return json.loads(self._subprocess(command, timeout=30).stdout or "null")


def keep_logs(lab: Lab) -> None:
    target = LOGS / lab.name
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(pathlib.Path(lab.directory, "logs"), target, dirs_exist_ok=True)


@contextlib.contextmanager
def temporary_lab(name: str, *arguments: str) -> Iterator[Lab]:
    """A lab of a test's own, for what would disturb others; `arguments` are those of `podid lab up`."""
    made = Lab(f"{name}{SUFFIX}")
    made.down()  # what a killed run left
    made.up(*arguments)
    try:
        yield made
    finally:
        keep_logs(made)
        made.down()
