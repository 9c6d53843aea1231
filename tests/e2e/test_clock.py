# SPDX-License-Identifier: Apache-2.0
"""The lab's clock can be driven: the real programs, started as ever, live at another time."""
import datetime
import time

from manifests import binding, managed_identity

HOUR = 3600


def test_a_jump_of_a_day_makes_a_cached_token_old(fresh_lab):
    lab, names = fresh_lab, fresh_lab.names()
    lab.apply([managed_identity("one", names["identities"]["app-one"], "default"), binding("app", "one", "app", namespace="default")])
    lab.add_pod("app", "node-a", {"aadpodidbinding": "app"})
    first = lab.wait_for_token("the identity is assigned", "app")
    assert lab.token("app").json()["access_token"] == first.json()["access_token"], "the second is from the cache"

    lab.set_clock("+25h")
    assert abs((lab.now() - datetime.datetime.now(datetime.timezone.utc)).total_seconds() - 25 * HOUR) < 5 * 60
    later = lab.wait_for_token("a fresh one is fetched", "app")
    claims = later.claims()
    assert claims["iat"] >= first.claims()["exp"] > time.time()
    assert lab.read_secret("app", later).status == 200, "the vault, which verifies the token, lives at the same time"
    assert lab.read_secret("app", first).status == 401
    # What the API server writes is of the lab's time, too, and the controller has kept its lease.
    lab.add_pod("late", "node-a", {"aadpodidbinding": "app"})
    assert lab.get("pod", "late")["metadata"]["creationTimestamp"] > datetime.datetime.fromtimestamp(
        time.time() + 24 * HOUR, datetime.timezone.utc).isoformat()
    assert lab.wait_for_token("the MIC goes on", "late").claims()["appid"] == claims["appid"]


def test_an_hour_can_be_chosen_and_a_command_in_a_pod_sees_it(fresh_lab):
    lab = fresh_lab
    chosen = datetime.datetime.now(datetime.timezone.utc).replace(hour=12) - datetime.timedelta(days=40)
    lab.set_clock("set", chosen.strftime("%FT%TZ"))
    assert lab.now() >= chosen.replace(microsecond=0)
    lab.add_pod("app", "node-a")
    seen = lab.run("exec", "--clock", "app", "--", "date", "-u", "+%F").stdout.strip()
    assert seen == chosen.strftime("%F")
    assert lab.exec("app", "date", "-u", "+%F").stdout.strip() == datetime.datetime.now(datetime.timezone.utc).strftime("%F")
    lab.set_clock("reset")
    assert abs((lab.now() - datetime.datetime.now(datetime.timezone.utc)).total_seconds()) < 5 * 60
