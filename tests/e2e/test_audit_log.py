# SPDX-License-Identifier: Apache-2.0
"""The audit log has a record of every answer with a token, whatever is killed and whatever is full (docs/design/access.md §6)."""
import contextlib
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import tempfile
from typing import Any, Iterator

import pytest

from lab import TOKEN_URL, VAULT, Lab, server_of, temporary_lab
from manifests import binding, managed_identity
from pod_load import PodLoad

JWT = re.compile(r"eyJ[\w-]{8,}\.")


@pytest.fixture
def folder() -> Iterator[pathlib.Path]:
    """A small file system of its own, in which the log's folder is yet to be made."""
    with tempfile.TemporaryDirectory(prefix="podid-audit-", dir="/var/tmp") as made:
        os.chmod(made, 0o755)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=755", "podid-audit", made], check=True)
        try:
            yield pathlib.Path(made)
        finally:
            subprocess.run(["umount", "-l", made], check=True)


@contextlib.contextmanager
def audited_lab(name: str, folder: pathlib.Path, *flags: str) -> Iterator[Lab]:
    arguments = [f"--nmi-flag={flag}" for flag in (f"--audit-log-path={folder}/log/audit.log", "--audit-log-maxsize=1", "--max-requests-per-pod=0", *flags)]
    with temporary_lab(name, "--nodes", "1", *arguments) as lab:
        lab.kubectl("create", "namespace", "shop")
        lab.apply([managed_identity("one", lab.names()["identities"]["app-one"], "shop"), binding("one", "one", "one", "shop")])
        lab.add_pod("web", labels={"aadpodidbinding": "one"}, namespace="shop")
        lab.wait_for_token("the assignment", "web", "shop")
        yield lab


def lines(folder: pathlib.Path) -> list[dict[str, Any]]:
    """All records, oldest first; that they are numbered without a gap and hold no token is looked at here."""
    text = "".join(path.read_text() for path in sorted((folder / "log").glob("audit*.log"), key=lambda path: (path.name == "audit.log", path.name)))
    assert not JWT.search(text)
    found = [json.loads(line) for line in text.splitlines()]
    assert [each["index"] for each in found] == list(range(len(found)))
    tokens = [(each["process"], each["sequence"]) for each in found if each["kind"] == "token"]
    assert len(set(tokens)) == len(tokens)
    return found


def issued(folder: pathlib.Path) -> int:
    return sum(each.get("count", 1) for each in lines(folder) if each["kind"] == "token" and each["outcome"] == "issued")


def test_no_answer_is_without_its_record_whatever_is_killed(folder: pathlib.Path) -> None:
    random.seed(4711)
    with audited_lab("e2eaudit", folder) as lab:
        lab.kubectl("delete", "events", "--all", "-n", "shop")
        before = issued_by_metric(lab)
        load = PodLoad(lab, "web", "shop", seconds=240)
        kills = 6
        for number in range(kills):
            load.wait_for_progress(random.randint(1, 60))
            if number % 2 == 0:
                os.kill(server_of(lab.pid("nmi-node-a")), signal.SIGKILL)
            else:
                lab.stop("nmi-node-a", "KILL")
                lab.start("nmi-node-a")
        load.wait_for_progress(50)
        answers = sum(load.finish()["tokens"].values())
        lab.stop("nmi-node-a")
        counted = issued(folder) - before
        assert answers <= counted <= answers + kills + 1, (answers, counted)
        record = next(each for each in lines(folder) if each["kind"] == "token" and each["outcome"] == "issued")
        assert (record["namespace"], record["pod"], record["identity"], record["binding"]) == ("shop", "web", "shop/one", "shop/one"), record
        assert record["node"] == "node-a" and record["resource"] == VAULT and record["uti"] and record["oid"], record
        stat = (folder / "log/audit.log").stat()
        assert stat.st_mode & 0o777 == 0o600 and stat.st_uid == 65532, stat
        assert not list((folder / "log/rings").iterdir())

        # And podid reads it: it is what its tree has, killed as it was, and leads from a token to its pod.
        [log] = podid_audit(lab, folder, "verify")["logs"]
        assert log["ok"] and log["endIndex"] == len(lines(folder)) and "/node-a/" in log["origin"], log
        holders = podid_audit(lab, folder, "whois", record["uti"])["pods"]
        assert {(each["namespace"], each["pod"], each["identity"]) for each in holders} == {("shop", "web", "shop/one")}, holders
        proof = subprocess.run([lab.podid, "audit", "prove", str(record["index"]), "--from", folder / "log"], capture_output=True, text=True, check=True)
        assert proof.stdout.startswith(f"c2sp.org/tlog-proof@v1\nindex {record['index']}\n"), proof


def podid_audit(lab: Lab, folder: pathlib.Path, *words: str) -> dict[str, Any]:
    done = subprocess.run([lab.podid, "audit", *words, "--from", folder / "log", "-o", "json"], capture_output=True, text=True)
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def issued_by_metric(lab: Lab) -> int:
    return int(sum(value for series, value in lab.nmi_metrics("node-a").items() if series.startswith("aadpodidentity_nmi_tokens_issued_total")))


def ask_many(lab: Lab, most: int) -> int:
    """On one connection, until one is refused: how many were answered."""
    url = f"{TOKEN_URL}?api-version=2018-02-01&resource={VAULT}#[1-{most}]"
    done = lab.exec("web", "curl", "-sS", "--fail-early", "--fail", "--max-time", "60", "-o", "/dev/null", "-w", "%{http_code}\n", "-H", "Metadata: true", url,
                    namespace="shop", check=False)
    return done.stdout.split().count("200")


def test_when_the_disk_is_full_no_token_is_without_a_record_and_it_goes_on_when_there_is_room(folder: pathlib.Path) -> None:
    with audited_lab("e2efull", folder, "--audit-fold=0s", "--workers=1") as lab:
        answered = issued_by_metric(lab)
        filler = folder / "filler"
        with filler.open("wb") as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 65536)
                file.flush()
        answered += ask_many(lab, 20000)
        assert answered > 1000, answered
        refused = lab.token("web", namespace="shop")
        assert refused.status == 503 and "audit log" in refused.body, refused
        metrics = lab.nmi_metrics("node-a")
        assert metrics['aadpodidentity_nmi_audit_failures_total{what="write"}'] > 0 and metrics['aadpodidentity_nmi_audit_failures_total{what="refused"}'] > 0
        lab.wait("an event on the node", lambda: any(event["reason"] == "AuditLogFailed" and event["involvedObject"]["name"] == "node-a"
                                                     for event in lab.get("events")["items"]))
        filler.unlink()
        lab.wait_for_token("there is room", "web", "shop")
        lab.stop("nmi-node-a")
        assert issued(folder) >= answered + 1


def test_where_the_log_cannot_be_written_from_the_start_nobody_gets_a_token_until_it_can(folder: pathlib.Path) -> None:
    with audited_lab("e2eread", folder) as lab:
        lab.stop("nmi-node-a")
        rings = folder / "log/rings"
        os.chown(rings, 0, 0)
        rings.chmod(0o700)
        lab.run("start", "nmi-node-a", check=False)
        assert lab.token("web", namespace="shop", max_time=5).status != 200
        os.chown(rings, 65532, 65532)
        lab.wait("it is started again", lambda: lab.token("web", namespace="shop", max_time=5).status == 200, patience=60)
        lab.stop("nmi-node-a")
        assert issued(folder) >= 2


def test_steps_of_the_clock_lose_and_double_nothing(folder: pathlib.Path) -> None:
    with audited_lab("e2eaclock", folder, "--audit-fold=10s") as lab:
        answered = issued_by_metric(lab)
        for action in ("+90m", "reset", "+3h", "reset"):
            lab.run("clock", action)
            for _ in range(5):
                assert lab.token("web", namespace="shop").status == 200
            answered += 5
        lab.stop("nmi-node-a")
        assert issued(folder) == answered


def test_the_log_may_be_standard_output() -> None:
    with temporary_lab("e2eaout", "--nodes", "1", "--nmi-flag=--audit-log-path=-") as lab:
        lab.apply([managed_identity("one", lab.names()["identities"]["app-one"]), binding("one", "one", "one")])
        lab.add_pod("web", labels={"aadpodidbinding": "one"})
        lab.wait_for_token("the assignment", "web")
        lab.stop("nmi-node-a")
        text = pathlib.Path(lab.directory, "logs/nmi-node-a.log").read_text()
        records = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        assert sum(each.get("count", 1) for each in records if each["kind"] == "token" and each["outcome"] == "issued") == 1, text
