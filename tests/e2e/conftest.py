# SPDX-License-Identifier: Apache-2.0
"""Labs for the end-to-end tests. Every test uses namespaces of its own in a lab that all (of a process, where several run them) share."""
from __future__ import annotations

import itertools
import os
import subprocess
from typing import Iterator

import pytest

from lab import ROOT, SUFFIX, Lab, keep_logs, temporary_lab

numbers = itertools.count(1)
# Modules whose tests share what a fixture of the module makes.
SHARING = ("test_access", "test_fence", "test_grants", "test_identity_policy", "test_manifests", "test_policies", "test_sdk_delays")
TURNS = (None, "embedded", "real")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "sdk: uses official Azure SDKs")
    config.addinivalue_line("markers", "real_control_plane: needs kube-apiserver and etcd (scripts/build-control-plane)")


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    for item in items:
        if "test_sdk" in item.nodeid:
            item.add_marker(pytest.mark.sdk)
        for group in groups(item):
            item.add_marker(pytest.mark.xdist_group(group))
    yield
    items.sort(key=turn)  # stable: within a turn the order stays


def groups(item: pytest.Item) -> Iterator[str]:
    """Where several processes run the tests (scripts/test), those of a group are for one of them, which makes once what they share."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    module = item.path.stem
    if module == "test_sdk":
        yield f"{parameters['client']}-{parameters['lab']}"
    elif module in SHARING:
        yield module


def turn(item: pytest.Item) -> tuple[int, bool]:
    """Tests with a lab of their own, of which some take minutes, are begun first (test_sdk_delays, too, which makes all clients); then
    a process needs each of the labs that tests share for one stretch of time only. Tests of the clients come last there: all who
    need a client wait while one makes it."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return TURNS.index(parameters.get("lab")), item.path.stem == "test_sdk"


@pytest.fixture(scope="session", params=["embedded", pytest.param("real", marks=pytest.mark.real_control_plane)])
def lab(request: pytest.FixtureRequest):
    """A lab with two nodes (a VM, a scale-set instance) and two MICs, on each control plane."""
    made = Lab(f"e2e{request.param[:4]}{SUFFIX}")
    made.down()  # what a killed run left
    if request.param == "real":
        find_control_plane()
    made.up("--control-plane", request.param, "--mics", "2")
    yield made
    keep_logs(made)
    made.down()


def find_control_plane() -> None:
    """Tells `podid lab up` where kube-apiserver and etcd are; builds them when they are missing."""
    built = subprocess.run([ROOT / "scripts/build-control-plane"], capture_output=True, text=True, check=True).stdout
    paths = dict(line.split("=", 1) for line in built.splitlines())
    os.environ.update(PODID_KUBE_APISERVER=paths["kube-apiserver"], PODID_ETCD=paths["etcd"])


@pytest.fixture(scope="session")
def names(lab: Lab) -> dict:
    """What exists in the simulated Azure (names.json)."""
    return lab.names()


@pytest.fixture
def namespace(lab: Lab):
    """A namespace of the test's own, emptied afterwards."""
    name = f"t{next(numbers)}"
    lab.revive()
    lab.kubectl("create", "namespace", name)
    yield name
    lab.kubectl("delete", "pods,azureidentitybindings,azureidentities,azurepodidentityexceptions,secrets", "--all", "-n", name)
    lab.wait(f"assignments of {name} gone", lambda: not [n for n in lab.assigned() if f"-{name}-" in n])


@pytest.fixture
def fresh_lab():
    """A small lab of the test's own, for what would disturb others."""
    with temporary_lab("e2efresh", "--nodes", "1") as made:
        yield made
