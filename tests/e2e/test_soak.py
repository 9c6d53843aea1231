# SPDX-License-Identifier: Apache-2.0
"""Pods come and go while IMDS, Entra ID and the API server fail in every way that they can.

PODID_SOAK_ROUNDS and PODID_SOAK_SEED make longer and other runs. A round breaks the API server in one way and IMDS and Entra ID in several;
as many rounds as the API server has ways meet each of them once.
"""
from __future__ import annotations

import itertools
import os
import pathlib
import random
import re
import signal
from collections import Counter
from dataclasses import dataclass

import pytest
from api_proxy import ApiProxy
from lab import LabError, server_of, temporary_lab
from manifests import binding, managed_identity, secret, service_principal
from pod_load import PodLoad

SEED = int(os.environ.get("PODID_SOAK_SEED", "1"))
NODES = ("node-a", "node-b")
NMIS = tuple(f"nmi-{node}" for node in NODES)
PODS_PER_NODE = 3  # between rounds
PAUSE = 0.03  # seconds between a pod's requests: the machine has other work
FRESH = 4  # one request of so many does without the cache

AZURE_FAULTS = (
    [{"kind": kind} for kind in ("reset", "half", "garbage", "hang")] +
    [{"status": status, "body": '{"error":"broken","error_description":"asked for by the test"}'} for status in (404, 410, 429, 500, 502, 503, 504)] +
    [{"status": status, "headers": {"Retry-After": "1"}, "body": "not JSON"} for status in (429, 503)] +
    [{"status": 200, "body": body} for body in ("", "{}", '{"access_token":1}', "[" * 1000)])
# What the proxy does to the NMIs alone, and what happens to the API server itself.
API_FAULTS = ("reset", "hang", "half", "garbage", "429", "500", "503", "killed", "stopped")
ROUNDS = int(os.environ.get("PODID_SOAK_ROUNDS", len(API_FAULTS)))

# Of an NMI, at the end. Everything that pods and faults opened is closed again; what stays are idle connections for the next use, at
# most 16 to each of IMDS, Entra ID and API server (net::HttpClientOptions).
MOST_MORE_FILES = 3 * 16
# Tokens, pods and pools are the same few all the time: what grows with requests or faults would show. Allocators keep some slack.
MOST_MORE_KIB = 8 * 1024


@dataclass
class Pod:
    name: str
    node: str
    client_id: str
    address: str
    load: PodLoad


class Soak:
    def __init__(self, lab, proxy):
        self.lab, self.proxy = lab, proxy
        self.random = random.Random(SEED)
        self.numbers = itertools.count(1)
        self.pods: list[Pod] = []
        self.counted = Counter()
        self.api_faults = self.shuffled_for_ever(API_FAULTS)
        self.azure_faults = {endpoint: self.shuffled_for_ever(AZURE_FAULTS) for endpoint in ("imds.token", "entra.token")}
        names = lab.names()
        principal = names["servicePrincipals"]["pod-secret"]
        lab.apply([managed_identity(n, names["identities"][f"app-{n}"]) for n in ("one", "two")] +
                  [service_principal("three", principal["clientID"], names["tenantID"], "credentials"),
                   secret("credentials", {"clientSecret": principal["clientSecret"]})] +
                  [binding(n, n, n) for n in ("one", "two", "three")])
        self.client_ids = {"one": names["identities"]["app-one"]["clientID"], "two": names["identities"]["app-two"]["clientID"],
                           "three": principal["clientID"]}

    def shuffled_for_ever(self, values):
        while True:
            yield from self.random.sample(values, len(values))

    # -- pods --------------------------------------------------------------------------------------------------------
    def add(self, node, label):
        name = f"pod-{next(self.numbers)}"
        self.lab.add_pod(name, node, {"aadpodidbinding": label})
        address = self.lab.get("pod", name)["status"]["podIP"]
        load = PodLoad(self.lab, name, seconds=60 + 60 * ROUNDS, pause=PAUSE, fresh=FRESH)
        self.pods.append(Pod(name, node, self.client_ids[label], address, load))

    def check(self, pod):
        """After its load has ended: it never got another's token."""
        answers = pod.load.finish()
        assert set(answers["tokens"]) <= {pod.client_id}, (pod, answers)
        self.counted.update(tokens=sum(answers["tokens"].values()), **answers["failures"])

    def remove(self, pod):
        self.pods.remove(pod)
        self.lab.remove_pod(pod.name)  # kills the load in the middle of a request
        self.check(pod)

    def arrivals(self):
        """A new pod on every node."""
        for node, label in zip(NODES, ("three", self.random.choice(list(self.client_ids)))):
            self.add(node, label)

    def pass_addresses_on(self):
        """Pods of every node end, and one with another identity than theirs gets the address of one of them."""
        self.arrivals()
        for node in NODES:
            here = [pod for pod in self.pods if pod.node == node]
            # Only the API server tells whose an address is: the NMI must be in touch with it again, and then it knows the arrival.
            self.lab.wait(f"{node} knows its pods", lambda: self.lab.nmi_metrics(node)["aadpodidentity_nmi_pods"] == len(here))
            first = self.random.choice(here).client_id
            heir = self.random.choice([label for label, client_id in self.client_ids.items() if client_id != first])
            others = [pod for pod in here if pod.client_id != self.client_ids[heir]]
            gone = self.random.sample(others, min(len(others), len(here) + 1 - PODS_PER_NODE))
            for pod in gone:
                self.remove(pod)
            self.add(node, heir)
            assert self.pods[-1].address in {pod.address for pod in gone}

    # -- faults ------------------------------------------------------------------------------------------------------
    def break_azure(self):
        for endpoint, faults in self.azure_faults.items():
            for _ in range(6):
                self.lab.azure("/_lab/faults", {"endpoint": endpoint, "count": self.random.randint(1, 3), **next(faults)})

    def round(self):
        fault = next(self.api_faults)
        print(f"API server: {fault}")
        self.break_azure()
        if fault == "killed":
            self.lab.stop("apiserver", "KILL")
            self.answers(self.pods)
            self.lab.start("apiserver")
            self.lab.wait("API server reachable", lambda: self.lab.kubectl("get", "nodes").returncode == 0)
        elif fault == "stopped":
            pid = self.lab.pid("apiserver")
            os.kill(pid, signal.SIGSTOP)
            self.answers(self.pods)
            os.kill(pid, signal.SIGCONT)
        else:
            before = list(self.pods)
            self.proxy.set(fault)
            self.arrivals()
            self.answers(before)
            self.lab.wait(f"something met {fault}", self.proxy.broken)
            self.proxy.set("pass")
        self.pass_addresses_on()
        self.lab.azure("/_lab/faults/clear", {})
        self.tokens(self.pods)

    def answers(self, pods):
        """Every pod has requests answered, one without the cache among them, in whatever way."""
        self.progress(pods, FRESH, lambda load: len(load.lines))

    def tokens(self, pods):
        """Every pod gets a token from the service itself."""
        self.progress(pods, 1, lambda load: load.fresh)

    def progress(self, pods, more, count):
        goals = [(pod, count(pod.load) + more) for pod in pods]

        def all_there():
            behind = [(pod.name, pod.node, pod.client_id, pod.load.lines[-3:]) for pod, goal in goals if count(pod.load) < goal]
            if behind:
                raise LabError(f"behind: {behind}")
            return True
        self.lab.wait("every pod's answers", all_there)

    # -- the NMIs ----------------------------------------------------------------------------------------------------
    def pids(self):
        """Keeper and server of each."""
        keepers = {each["name"]: each["pid"] for each in self.lab.components() if each["name"] in NMIS and each["running"]}
        return {name: (keeper, server_of(keeper)) for name, keeper in keepers.items()}

    def open_files(self):
        return {name: sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids) for name, pids in self.pids().items()}

    def memory(self):
        """Resident, in KiB."""
        def resident(pid):
            return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])

        return {name: sum(map(resident, pids)) for name, pids in self.pids().items()}

    def rules(self):
        return {node: self.lab.node_exec(node, "nft", "list", "table", "inet", "podid").stdout for node in NODES}


@pytest.fixture
def soak():
    # A service that hangs costs its client this second instead of 20.
    with temporary_lab("e2esoak", "--nmi-flag=--token-timeout=1s") as lab:
        yield Soak(lab, ApiProxy(lab))


def test_soak(soak):
    print(f"PODID_SOAK_SEED={SEED} PODID_SOAK_ROUNDS={ROUNDS}")
    pids, files, rules = soak.pids(), soak.open_files(), soak.rules()
    assert set(pids) == set(NMIS)
    for node in NODES:
        for label in itertools.islice(soak.client_ids, PODS_PER_NODE):
            soak.add(node, label)
    soak.tokens(soak.pods)
    memory = soak.memory()
    for number in range(1, ROUNDS + 1):
        print(f"round {number}")
        soak.round()

    for pod in soak.pods:
        soak.check(pod)
    print(f"{dict(soak.counted)}; open files {files} → {soak.open_files()}; resident KiB {memory} → {soak.memory()}")

    assert soak.pids() == pids, "an NMI ended"
    assert soak.rules() == rules
    for node in NODES:
        metrics = soak.lab.nmi_metrics(node)
        assert metrics["aadpodidentity_nmi_redirect_active"] == 1
    soak.lab.wait("files are closed", lambda: all(count <= files[name] + MOST_MORE_FILES for name, count in soak.open_files().items()))
    assert all(kib <= memory[name] + MOST_MORE_KIB for name, kib in soak.memory().items())
