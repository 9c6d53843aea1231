# SPDX-License-Identifier: Apache-2.0
"""The official SDKs when a token is not to be had at once: IMDS throttles, the pod is at a limit of the NMI, its identity is not
assigned yet. However an SDK waits and repeats, the application must see nothing but its token.

All clients of a situation run at the same time, each in a pod of its own and for a resource of its own, so that each meets what it
is to meet, and costs no more time than the slowest."""
from __future__ import annotations

import json
import os
import re
import subprocess
from collections import Counter

import pytest
from lab import TOKEN_URL, claims_of, temporary_lab
from manifests import binding, managed_identity
from sdk_clients import CLIENTS, CREDENTIALS, command_of

MANAGED = [(name, "managed") for name in CLIENTS]
TOKEN_TIMEOUT = 5  # seconds that the NMI gives IMDS: more than the 2 s after which it repeats by itself
SECONDS_PATTERN = re.compile(r'^aadpodidentity_nmi_operations_duration_seconds_count{.*status_code="(\d+)".*resource="([^"]*)"')


@pytest.fixture(scope="module")
def lab():
    """One node, whose pods may have one request at a time that waits."""
    flags = ("--workers=1", "--max-waiting-per-pod=1", f"--token-timeout={TOKEN_TIMEOUT}s")
    with temporary_lab("e2esdk", "--nodes", "1", *(f"--nmi-flag={flag}" for flag in flags)) as made:
        made.apply([managed_identity("one", made.names()["identities"]["app-one"]), binding("one", "one", "one")])
        yield made


class Situation:
    """Clients, by name and credential, that all ask at the same time."""

    def __init__(self, lab, name, credentials, label="one"):
        self.lab, self.name, self.label = lab, name, label
        self.pods = {}
        for client, kind in credentials:
            try:
                command_of(client)
            except pytest.skip.Exception:
                continue  # the test of that client skips
            self.pods[client, kind] = f"{name}-{client}-{kind}"
        for pod in self.pods.values():
            self.add(pod)
        self.processes = {}
        self.results = {}

    def add(self, pod):
        self.lab.add_pod(pod, labels={"aadpodidbinding": self.label})
        self.lab.azure("/_lab/world", {"token_resources": {resource_of(pod): {}}})

    def start(self):
        environment = {**os.environ, "NO_COLOR": "1"}
        for (client, kind), pod in self.pods.items():
            command = self.lab.exec_command(pod, *command_of(client), kind, f"{resource_of(pod)}/.default")
            self.processes[client, kind] = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)

    def finish(self):
        for key, process in self.processes.items():
            out, _ = process.communicate(timeout=150)
            self.results[key] = json.loads(out.strip().splitlines()[-1])

    def answers(self, pod, metrics=None):
        """Statuses that the NMI answered requests for the pod's resource with → how often; by the NMI's metrics of now."""
        found = Counter()
        for series, count in (metrics or self.lab.nmi_metrics("node-a")).items():
            match = SECONDS_PATTERN.match(series)
            if match and match[2].rstrip("/") == resource_of(pod):
                found[int(match[1])] += int(count)
        return found

    def asked_of_imds(self, pod):
        """Statuses of the requests for the pod's resource that IMDS had, in their order."""
        return [each["status"] for each in self.lab.azure("/_lab/history")
                if each["endpoint"] == "imds.token" and f"{pod}.example" in each["target"]]

    def check_token(self, client, kind):
        command_of(client)  # or skips
        result = self.results[client, kind]
        assert result["ok"], result
        assert claims_of(result["token"])["appid"] == self.lab.names()["identities"]["app-one"]["clientID"]


def resource_of(pod):
    return f"https://{pod}.example"


def throttle(lab, pod, **headers):
    """The next request to IMDS for the pod's resource is answered 429."""
    body = json.dumps({"error": "too_many_requests", "error_description": "asked for by the test"})
    lab.azure("/_lab/faults", {"endpoint": "imds.token", "target_contains": f"{pod}.example", "status": 429, "headers": headers, "body": body})


@pytest.fixture(scope="module")
def throttled(lab):
    situation = Situation(lab, "throttled", MANAGED)
    for pod in situation.pods.values():
        throttle(lab, pod)
    situation.start()
    situation.finish()
    return situation


@pytest.mark.parametrize(("client", "kind"), MANAGED)
def test_a_throttled_imds_is_asked_again_by_the_nmi(throttled, client, kind):
    throttled.check_token(client, kind)
    pod = throttled.pods[client, kind]
    assert throttled.asked_of_imds(pod) == [429, 200]
    assert throttled.answers(pod) == {200: 1}


@pytest.fixture(scope="module")
def told_to_wait(lab):
    """IMDS asks for more patience than the NMI has: the client has to wait."""
    situation = Situation(lab, "told", MANAGED)
    for pod in situation.pods.values():
        throttle(lab, pod, **{"Retry-After": str(TOKEN_TIMEOUT)})
    situation.start()
    situation.finish()
    return situation


@pytest.mark.parametrize(("client", "kind"), MANAGED)
def test_retry_after_of_imds_reaches_the_client(told_to_wait, client, kind):
    told_to_wait.check_token(client, kind)
    pod = told_to_wait.pods[client, kind]
    assert told_to_wait.asked_of_imds(pod) == [429, 200]
    assert told_to_wait.answers(pod) == {503: 1, 200: 1}


def test_retry_after_is_passed_on_as_imds_gave_it(lab):
    situation = Situation(lab, "header", [])
    situation.add("header")
    throttle(lab, "header", **{"Retry-After": "77"})
    head = lab.exec("header", "curl", "-sS", "-o", "/dev/null", "-D", "-", "-H", "Metadata: true",
                    f"{TOKEN_URL}?api-version=2018-02-01&resource={resource_of('header')}").stdout
    assert head.startswith("HTTP/1.1 503 ")
    assert "Retry-After: 77" in head.splitlines()


@pytest.fixture(scope="module")
def at_the_limit(lab):
    """In every pod a request already waits (for metadata that never come), which is all that the NMI allows; it leaves when the
    client was refused."""
    situation = Situation(lab, "limit", MANAGED)
    lab.azure("/_lab/faults", {"endpoint": "imds.instance", "target_contains": "waits-in", "kind": "hang", "count": -1})
    holders = {}
    for pod in situation.pods.values():
        url = f"http://169.254.169.254/metadata/instance?api-version=2021-02-01&waits-in={pod}"
        holders[pod] = subprocess.Popen(lab.exec_command(pod, "curl", "-s", "--max-time", "100", "-H", "Metadata: true", url))
    lab.wait("all wait", lambda: sum(each["endpoint"] == "imds.instance" for each in lab.azure("/_lab/history")) == len(holders))
    situation.start()

    def all_were_refused():
        metrics = lab.nmi_metrics("node-a")
        for pod in [pod for pod in holders if situation.answers(pod, metrics)[429]]:
            holder = holders.pop(pod)
            holder.kill()
            holder.wait()
        return not holders
    try:
        lab.wait("every client was refused", all_were_refused)
        situation.finish()
    finally:
        for holder in holders.values():
            holder.kill()
            holder.wait()
    return situation


@pytest.mark.parametrize(("client", "kind"), MANAGED)
def test_a_pod_at_its_limit_is_served_when_there_is_room_again(at_the_limit, client, kind):
    at_the_limit.check_token(client, kind)
    answers = at_the_limit.answers(at_the_limit.pods[client, kind])
    assert answers[200] == 1
    assert set(answers) == {200, 429}


@pytest.fixture(scope="module")
def not_assigned_yet(lab):
    """The binding comes when all clients wait already; then Azure takes its time, too."""
    situation = Situation(lab, "late", CREDENTIALS, label="late")
    lab.azure("/_lab/faults", {"endpoint": "arm.patch", "kind": "pass", "delay_ms": 1000})
    situation.start()
    waiting = "aadpodidentity_nmi_waiting_requests"
    lab.wait("all clients wait", lambda: lab.nmi_metrics("node-a")[waiting] == len(situation.pods))
    lab.apply([binding("late", "one", "late")])
    situation.finish()
    return situation


@pytest.mark.parametrize(("client", "kind"), CREDENTIALS)
def test_the_first_call_waits_for_the_assignment(not_assigned_yet, client, kind):
    not_assigned_yet.check_token(client, kind)
    answers = not_assigned_yet.answers(not_assigned_yet.pods[client, kind])
    assert answers[200] == 1
    # DefaultAzureCredential first looks whether there is an endpoint at all, without the header Metadata.
    assert set(answers) <= ({200, 400} if kind == "default" else {200})
