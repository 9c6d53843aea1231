# SPDX-License-Identifier: Apache-2.0
"""The official Azure SDKs, unmodified, inside pods."""
import base64
import json
import pathlib
import subprocess

import pytest
from lab import ROOT
from manifests import binding, managed_identity

SDK = pathlib.Path(__file__).parent / "sdk"
SCOPE = "https://vault.azure.net/.default"
BUILD = ROOT / "build/sdk"


def javascript() -> list[str]:
    if not (SDK / "js/node_modules").is_dir():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=SDK / "js", check=True, capture_output=True, timeout=300)
    return ["node", str(SDK / "js/token.mjs")]


def python() -> list[str]:
    return [str(ROOT / "build/venv/bin/python"), str(SDK / "python/token_client.py")]


def go() -> list[str]:
    program = BUILD / "go-sdk"
    subprocess.run(["go", "build", "-o", str(program), "."], cwd=SDK / "go", check=True, capture_output=True, timeout=600)
    return [str(program)]


CLIENTS = {"javascript": javascript, "python": python, "go": go}


@pytest.fixture(scope="session", params=CLIENTS)
def client(request):
    """The command of a small program on one SDK."""
    BUILD.mkdir(parents=True, exist_ok=True)
    return CLIENTS[request.param]()


@pytest.fixture
def run(lab, names, namespace, client):
    """Runs the client in pod "app", which is bound to app-one; returns its JSON line."""
    lab.apply([managed_identity("one", names["identities"]["app-one"], namespace), binding("one", "one", f"one-{namespace}", namespace)])
    lab.add_pod("app", "node-a", {"aadpodidbinding": f"one-{namespace}"}, namespace=namespace)

    def start(kind, *selector, pod="app"):
        done = lab.exec(pod, *client, kind, SCOPE, *selector, namespace=namespace, environment={"NO_COLOR": "1"})
        return json.loads(done.stdout.strip().splitlines()[-1])
    return start


def appid(result):
    assert result["ok"], result
    payload = result["token"].split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["appid"]


@pytest.mark.parametrize("kind", ["managed", "default"])
def test_without_selector(names, run, kind):
    assert appid(run(kind)) == names["identities"]["app-one"]["clientID"]


@pytest.mark.parametrize("selector", ["client_id", "resource_id", "object_id"])
def test_by_selector(names, run, selector):
    identity = names["identities"]["app-one"]
    value = {"client_id": identity["clientID"], "resource_id": identity["resourceID"], "object_id": identity["objectID"]}[selector]
    result = run("managed", selector, value)
    if selector == "object_id" and not result["ok"]:
        # The object ID is known to the NMI only once a token of the identity has been issued.
        assert appid(run("managed")) == identity["clientID"]
        result = run("managed", selector, value)
    assert appid(result) == identity["clientID"]


def test_python_asynchronous_client(names, run, client):
    if "token_client.py" not in client[-1]:
        pytest.skip("a client of the Python SDK only")
    assert appid(run("managed-async")) == names["identities"]["app-one"]["clientID"]


def test_refusal_reaches_the_application_with_its_reason(lab, namespace, run):
    lab.add_pod("stray", "node-a", namespace=namespace)
    result = run("managed", pod="stray")
    assert not result["ok"]
    assert "aadpodidbinding" in result["error"], result
