# SPDX-License-Identifier: Apache-2.0
"""Labs for the end-to-end tests. Every test uses namespaces of its own in a lab that all share."""
from __future__ import annotations

import itertools
import os
import subprocess

import pytest

from lab import ROOT, SUFFIX, Lab, keep_logs, temporary_lab

numbers = itertools.count(1)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "sdk: uses official Azure SDKs")
    config.addinivalue_line("markers", "real_control_plane: needs kube-apiserver and etcd (scripts/build-control-plane)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "test_sdk" in item.nodeid:
            item.add_marker(pytest.mark.sdk)


@pytest.fixture(scope="session", params=["embedded", pytest.param("real", marks=pytest.mark.real_control_plane)])
def lab(request: pytest.FixtureRequest):
    """A lab with two nodes (a VM, a scale-set instance) and two MICs, on each control plane."""
    made = Lab(f"e2e{request.param}{SUFFIX}")
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
