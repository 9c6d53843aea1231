# SPDX-License-Identifier: Apache-2.0
"""What pods must not reach, and what the lab must not leave on the machine."""
import os
import pathlib
import subprocess

from api_proxy import ApiProxy
from lab import SUFFIX, Lab, temporary_lab
from manifests import binding, managed_identity


def machine_network() -> str:
    """Links, addresses, routes, rules and nftables of the machine's own network."""
    commands = ("ip -o link", "ip -o addr", "ip route", "ip rule", "nft list ruleset", "sysctl -a --pattern ^net.ipv4.(ip_forward|conf.*.route_localnet)")
    out = [subprocess.run(command.split(), capture_output=True, text=True).stdout for command in commands]
    # Lifetimes of leased addresses and routes count down by themselves.
    return "\n".join(line for line in "\n".join(out).splitlines() if "valid_lft" not in line)


def test_loopback_of_the_node_stays_closed_to_pods(lab, namespace):
    lab.add_pod("app", "node-a", namespace=namespace)
    assert lab.node_exec("node-a", "curl", "-sS", "-o", "/dev/null", "http://127.0.0.1:8085/healthz").returncode == 0
    gateway = lab.exec("app", "ip", "-4", "route", "show", "default", namespace=namespace).stdout.split()[2]
    # A pod that routes 127.0.0.1 to its node, as in CVE-2020-8558.
    lab.exec("app", "sh", "-c", f"ip addr del 127.0.0.1/8 dev lo; ip route add 127.0.0.1/32 via {gateway} src $(hostname -I | cut -d' ' -f1) || true; "
             "sysctl -qw net.ipv4.conf.eth0.route_localnet=1", namespace=namespace, check=False)
    for port in (2579, 8085):
        answer = lab.curl("app", f"http://127.0.0.1:{port}/healthz", namespace=namespace, max_time=3)
        assert answer.status == 0, (port, answer)


def test_open_door_of_the_nmi_port_is_not_on_the_nodes_addresses(lab, namespace):
    lab.add_pod("app", "node-a", namespace=namespace)
    for address in ("10.80.0.11", "10.244.1.1"):
        assert lab.curl("app", f"http://{address}:2579/metadata/identity/oauth2/token", namespace=namespace, max_time=3).status == 0


def test_pods_get_no_credential_of_the_node_and_hide_no_header(lab, namespace):
    """SEC-6 and SEC-9: the node's own endpoint gives what a pod without an identity must not get."""
    lab.add_pod("app", "node-a", namespace=namespace)
    url = "http://169.254.169.254/metadata/identity/credential?cred-api-version=1.0"
    post = ("-H", "Metadata: true", "-H", "Content-Type: application/json", "-d", "{}")
    own = lab.node_exec("node-a", "curl", "-sS", *post, url)
    assert "credential-of-" in own.stdout, own
    refused = lab.curl("app", url, *post, namespace=namespace)
    assert (refused.status, refused.json()["error"]) == (404, "not_found")
    instance = "http://169.254.169.254/metadata/instance?api-version=2021-02-01"
    for headers in (("X-Forwarded-For: 1.2.3.4", "Connection: X-Forwarded-For"), ("Host: rebound.example",)):
        tricked = lab.curl("app", instance, "-H", "Metadata: true", *(word for header in headers for word in ("-H", header)),
                           namespace=namespace)
        assert (tricked.status, tricked.json()["error"]) == (400, "invalid_request"), headers


def test_rules_are_repaired(lab, names, namespace):
    lab.apply([managed_identity("one", names["identities"]["app-one"], namespace), binding("one", "one", f"one-{namespace}", namespace)])
    lab.add_pod("app", "node-a", {"aadpodidbinding": f"one-{namespace}"}, namespace=namespace)
    assert lab.token("app", namespace=namespace).status == 200
    tables = lab.node_exec("node-a", "nft", "list", "tables").stdout
    ours = next(line for line in tables.splitlines() if "podid" in line or "aad" in line).split()[1:]
    lab.node_exec("node-a", "nft", "delete", "table", *ours)
    lab.wait("the table is back", lambda: " ".join(ours) in lab.node_exec("node-a", "nft", "list", "tables").stdout)
    assert lab.token("app", namespace=namespace).claims()["appid"] == names["identities"]["app-one"]["clientID"]


def test_a_new_pod_on_the_address_of_an_old_one_gets_its_own_identity(lab, names, namespace):
    lab.apply([managed_identity(n, names["identities"][f"app-{n}"], namespace) for n in ("one", "two")] +
              [binding(n, n, f"{n}-{namespace}", namespace) for n in ("one", "two")])
    addresses = {}
    for pod in ("one", "two"):
        lab.add_pod(pod, "node-a", {"aadpodidbinding": f"{pod}-{namespace}"}, namespace=namespace)
        addresses[pod] = lab.get("pod", pod, namespace)["status"]["podIP"]
        assert lab.token(pod, namespace=namespace).claims()["appid"] == names["identities"][f"app-{pod}"]["clientID"]
        lab.remove_pod(pod, namespace=namespace)
    assert addresses["one"] == addresses["two"]


def test_a_new_pod_on_an_old_address_gets_nothing_while_the_nmi_cannot_hear_of_it():
    with temporary_lab("e2edoubt", "--nodes", "1") as lab:
        identities = lab.names()["identities"]
        lab.apply([managed_identity(n, identities[f"app-{n}"]) for n in ("one", "two")] + [binding(n, n, n) for n in ("one", "two")])
        proxy = ApiProxy(lab)
        lab.add_pod("one", labels={"aadpodidbinding": "one"})
        assert lab.token("one").claims()["appid"] == identities["app-one"]["clientID"]
        address = lab.get("pod", "one")["status"]["podIP"]
        proxy.set("hang")
        assert lab.token("one").claims()["appid"] == identities["app-one"]["clientID"], "nothing has changed on the node"
        lab.remove_pod("one")
        lab.add_pod("two", labels={"aadpodidbinding": "two"})
        assert lab.get("pod", "two")["status"]["podIP"] == address
        refused = lab.token("two")
        assert refused.status == 503 and "whose address" in refused.body, refused
        proxy.set("pass")
        token = lab.wait_for_token("the NMI has heard of the new pod", "two")
        assert token.claims()["appid"] == identities["app-two"]["clientID"]


def test_two_labs_side_by_side_and_nothing_is_left(lab):
    before = machine_network()
    second = Lab(f"e2esecond{SUFFIX}")
    second.down()
    second.up("--nodes", "1", "--mics", "0")
    try:
        assert machine_network() == before
        second.add_pod("app")
        assert [pod["metadata"]["name"] for pod in second.get("pods")["items"]] == ["app"]
        assert "app" not in [pod["metadata"]["name"] for pod in lab.get("pods")["items"]]
    finally:
        second.down()
    assert machine_network() == before
    assert not [name for name in os.listdir("/run/netns") if name.startswith(f"podid-{second.name}-")]
    assert not pathlib.Path(second.directory).exists()


def test_down_cleans_up_after_a_crash(lab):
    crashed = Lab(f"e2ecrash{SUFFIX}")
    crashed.down()
    crashed.up("--nodes", "1", "--mics", "0")
    crashed.add_pod("app")
    # The state file is lost while everything runs.
    pathlib.Path(crashed.directory, "lab.json").unlink()
    crashed.down()
    assert not [name for name in os.listdir("/run/netns") if name.startswith(f"podid-{crashed.name}-")]
    assert not pathlib.Path(crashed.directory).exists()
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert crashed.directory not in running
