# SPDX-License-Identifier: Apache-2.0
"""The official Azure SDKs, unmodified, inside pods."""
from __future__ import annotations

import datetime
import json

import pytest
from lab import claims_of
from manifests import binding, managed_identity
from sdk_clients import CLIENTS, CREDENTIALS, command_of

SCOPE = "https://vault.azure.net/.default"
SELECTIONS = [(name, kind, selector) for name, kind in CREDENTIALS for selector in CLIENTS[name].selectors[kind]]


@pytest.fixture
def client(request):
    """The command of a small program on one SDK; made at its first use."""
    return command_of(request.param)


@pytest.fixture
def run(lab, names, namespace, client):
    """Runs the client in pod "app", which is bound to app-one; returns its JSON line."""
    identity = names["identities"]["app-one"]
    annotations = {"aadpodidentity.k8s.io/object-id": identity["objectID"]}
    lab.apply([managed_identity("one", identity, namespace, annotations=annotations),
               binding("one", "one", f"one-{namespace}", namespace)])
    lab.add_pod("app", "node-a", {"aadpodidbinding": f"one-{namespace}"}, namespace=namespace)

    def start(kind, *selector, pod="app"):
        done = lab.exec(pod, *client, kind, SCOPE, *selector, namespace=namespace, environment={"NO_COLOR": "1"})
        return json.loads(done.stdout.strip().splitlines()[-1])
    return start


def appid(result):
    assert result["ok"], result
    return claims_of(result["token"])["appid"]


@pytest.mark.parametrize(("client", "kind"), CREDENTIALS, indirect=["client"])
def test_without_selector(names, run, kind):
    assert appid(run(kind)) == names["identities"]["app-one"]["clientID"]


@pytest.mark.parametrize(("client", "kind", "selector"), SELECTIONS, indirect=["client"])
def test_by_selector(names, run, kind, selector):
    identity = names["identities"]["app-one"]
    value = {"client_id": identity["clientID"], "resource_id": identity["resourceID"], "object_id": identity["objectID"]}[selector]
    assert appid(run(kind, selector, value)) == identity["clientID"]


@pytest.mark.parametrize(("client", "shows"), [(name, each.shows) for name, each in CLIENTS.items()], indirect=["client"], ids=CLIENTS)
def test_refusal_reaches_the_application_with_its_reason(lab, namespace, run, shows):
    lab.add_pod("stray", "node-a", namespace=namespace)
    result = run("managed", pod="stray")
    assert not result["ok"]
    assert shows in result["error"], result


@pytest.mark.parametrize("client", list(CLIENTS), indirect=True)
def test_the_end_of_the_allowed_time_is_told_and_kept(lab, namespace, run):
    """docs/design/access.md §4: an SDK is told to come back at the end, and is refused then."""
    def limit(end):
        made = binding("one", "one", f"one-{namespace}", namespace)
        made["spec"]["access"] = {"notAfter": end.strftime("%Y-%m-%dT%H:%M:%SZ")}
        lab.apply([made])
    assert run("managed")["ok"]
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    limit(end)
    result = lab.wait("the end is told", lambda: (told := run("managed"))["expires"] <= end.timestamp() and told)
    assert claims_of(result["token"])["exp"] > end.timestamp(), "the token is Azure's"
    limit(datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1))
    lab.wait("the refusal", lambda: not run("managed")["ok"])
