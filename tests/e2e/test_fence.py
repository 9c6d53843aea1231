# SPDX-License-Identifier: Apache-2.0
"""No pod reaches the node's endpoints whatever becomes of the redirect (SEC-12), and the redirect proves itself (SEC-13)."""
from __future__ import annotations

import os
import subprocess

import pytest
from lab import ROOT, Lab, temporary_lab

MARKED = "http://169.254.169.254/past-the-nmi"
WIRESERVER = "168.63.129.16"


@pytest.fixture(scope="module")
def fenced():
    with temporary_lab("e2efence", "--nodes", "1", "--nmi-flag=--prober-namespace=podid-system") as made:
        made.add_pod("app")
        yield made


def reached(lab: Lab) -> int:
    """Requests to the marked path that the real endpoint has seen."""
    return sum("past-the-nmi" in each["target"] for each in lab.azure("/_lab/history"))


def test_nothing_reaches_the_endpoint_while_the_rules_are_destroyed_again_and_again(fenced):
    assert fenced.node_exec("node-a", "curl", "-sS", MARKED).returncode == 0
    assert reached(fenced) == 1, "the real endpoint counts"
    assert fenced.curl("app", MARKED, "-H", "Metadata: true").status == 403, "the NMI passes it on to nobody"
    foe = "for i in $(seq 150); do nft delete table inet podid; ip rule del pref 3 to 169.254.169.254; done"
    asked = "for i in $(seq 100); do curl -s -m 0.2 -o /dev/null " + MARKED + "; done"
    destroying = subprocess.Popen([fenced.podid, "lab", "exec", "--name", fenced.name, "--dir", fenced.directory, "--node", "node-a", "--",
                                   "sh", "-c", foe], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    fenced.exec("app", "sh", "-c", asked, check=False)
    destroying.wait(timeout=120)
    assert reached(fenced) == 1
    fenced.wait("the redirect is back", lambda: fenced.curl("app", MARKED, "-H", "Metadata: true", max_time=2).status == 403)
    metrics = fenced.nmi_metrics("node-a")
    assert metrics["aadpodidentity_nmi_redirect_repairs_total"] > 0
    assert metrics["aadpodidentity_nmi_fence_active"] == 1


@pytest.fixture
def wireserver(fenced):
    """What answers on the machine's wireserver, but DNS."""
    inside = [fenced.podid, "lab", "exec", "--name", fenced.name, "--dir", fenced.directory, "--control-plane", "--"]
    subprocess.run([*inside, "ip", "addr", "add", f"{WIRESERVER}/32", "dev", "br0"], check=True)
    fenced.node_exec("node-a", "ip", "route", "add", f"{WIRESERVER}/32", "dev", "eth0")
    servers = [subprocess.Popen([*inside, "python3", "-m", "http.server", "--bind", WIRESERVER, "--directory", "/var/empty", port],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for port in ("80", "32526", "53")]
    yield
    for server in servers:
        server.kill()
        server.wait()


def test_the_wireserver_is_the_nodes_and_its_dns_is_everybodys(fenced, wireserver):
    for port in ("80", "32526", "53"):
        url = f"http://{WIRESERVER}:{port}/"
        fenced.wait(f"{url} answers the node", lambda: fenced.node_exec("node-a", "curl", "-s", "-o", "/dev/null", url, check=False).returncode == 0)
        answered = fenced.curl("app", url, max_time=2).status != 0
        assert answered == (port == "53"), port


def proven(lab: Lab) -> str:
    states = {series: value for series, value in lab.nmi_metrics("node-a").items() if "redirect_proven" in series}
    return next(series.split('"')[1] for series, value in states.items() if value == 1)


def ready(lab: Lab) -> str:
    return lab.node_exec("node-a", "curl", "-sS", "http://127.0.0.1:8085/readyz").stdout


def test_the_redirect_is_proven_by_a_pod_and_failed_where_a_datapath_goes_around_it(fenced):
    assert proven(fenced) == "unproven"
    fenced.kubectl("create", "namespace", "podid-system")
    fenced.add_pod("podid-prober", labels={"component": "podid-prober"}, namespace="podid-system")
    nmi = os.environ.get("PODID_NMI", str(ROOT / "build/dev/bin/nmi"))
    once = ["prove", "--once"]
    assert fenced.exec("app", nmi, *once, check=False).returncode == 1, "the proof is for the prober alone"
    assert fenced.exec("podid-prober", nmi, *once, namespace="podid-system").stdout == "the NMI answers\n"
    fenced.wait("the NMI has counted it", lambda: proven(fenced) == "proven")
    prober = subprocess.Popen(fenced.exec_command("podid-prober", nmi, "prove", namespace="podid-system"), stdout=subprocess.DEVNULL)
    try:
        # Every rule is in place, but this pod's packets are none of connection tracking's, as where eBPF forwards them.
        address = fenced.get("pod", "podid-prober", "podid-system")["status"]["podIP"]
        bypass = f"table inet bypass {{ chain c {{ type filter hook prerouting priority raw; ip saddr {address} notrack; }}; }}"
        fenced.node_exec("node-a", "nft", bypass)
        fenced.wait("the NMI has noticed", lambda: proven(fenced) == "failed")
        assert "the redirect is not proven" in ready(fenced)
        assert reached(fenced) <= 1
        fenced.node_exec("node-a", "nft", "delete", "table", "inet", "bypass")
        fenced.wait("it is proven again", lambda: proven(fenced) == "proven")
        fenced.wait("the NMI is ready", lambda: "not ready" not in ready(fenced))
    finally:
        prober.kill()
        prober.wait()
        fenced.remove_pod("podid-prober", "podid-system")  # one that runs and does not ask is a failed proof


def test_the_nmi_notices_rules_of_others_that_lead_elsewhere(fenced):
    fenced.wait("the NMI is ready", lambda: "not ready" not in ready(fenced))
    assert "podid-proof0" in fenced.node_exec("node-a", "ip", "link").stdout, "where it asks itself"
    fenced.node_exec("node-a", "nft", "table ip thief { chain c { type nat hook prerouting priority dstnat - 10; "
                     "ip daddr 169.254.169.254 tcp dport 80 dnat to 127.0.0.1:8085; }; }")
    fenced.wait("the NMI has noticed", lambda: "packets like a pod's do not reach us" in ready(fenced))
    fenced.node_exec("node-a", "nft", "delete", "table", "ip", "thief")
    fenced.wait("the NMI is ready again", lambda: "not ready" not in ready(fenced))
