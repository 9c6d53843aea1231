# SPDX-License-Identifier: Apache-2.0
"""The NMI is two processes (SEC-20): what becomes of tokens when the one that answers is killed, and what the programs have given up."""
import os
import pathlib
import signal

import pytest
from lab import LabError, server_of
from manifests import binding, managed_identity
from pod_load import PodLoad


@pytest.fixture
def app(lab, names, namespace):
    """Pod "app" on node-a with identity app-one, serving."""
    lab.apply([managed_identity("one", names["identities"]["app-one"], namespace), binding("one", "one", f"one-{namespace}", namespace)])
    lab.add_pod("app", "node-a", {"aadpodidbinding": f"one-{namespace}"}, namespace=namespace)
    assert lab.token("app", namespace=namespace).status == 200
    return names["identities"]["app-one"]["clientID"]


def status(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.split() for name, _, value in (line.partition(":") for line in lines)}


def restarted(keeper, old):
    try:
        return server_of(keeper) != old
    except LabError:
        return False


def test_a_killed_server_is_back_at_once_and_its_pods_meet_nobody_else(lab, namespace, app):
    keeper = lab.pid("nmi-node-a")
    load = PodLoad(lab, "app", namespace)
    for _ in range(3):
        load.wait_for_progress()
        server = server_of(keeper)
        os.kill(server, signal.SIGKILL)
        lab.wait("another server", lambda old=server: restarted(keeper, old))
    load.wait_for_progress()
    assert set(load.finish()["tokens"]) == {app}
    assert lab.pid("nmi-node-a") == keeper and os.path.exists(f"/proc/{keeper}")


def test_what_the_programs_have_given_up(lab):
    keeper = lab.pid("nmi-node-a")
    server = status(server_of(keeper))
    assert server["Uid"] == server["Gid"] == ["65532"] * 4
    assert {int(server[which][0], 16) for which in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {0}
    assert server["Seccomp"] == ["2"]
    for name, pid in (("keeper", keeper), ("server", server_of(keeper)), ("mic", lab.pid("mic-0"))):
        assert status(pid)["NoNewPrivs"] == ["1"], name
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
        core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
        assert core.split()[4:6] == ["0", "0"], name
    hardening = {name: value for name, value in lab.nmi_metrics("node-a").items() if name.startswith("aadpodidentity_nmi_hardening")}
    assert hardening and set(hardening.values()) == {1.0}, hardening
