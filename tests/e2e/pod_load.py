# SPDX-License-Identifier: Apache-2.0
"""A pod that asks for tokens again and again, and tells which identities it was given.

As a program (inside the pod): pod_load.py SECONDS PAUSE FRESH; prints a line per answer, ends on SIGTERM or after the time.
"""
from __future__ import annotations

import http.client
import itertools
import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import Any

from lab import claims_of

PATH = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fvault.azure.net"


class PodLoad:
    """One request after the other from inside the pod, each on a new connection, at most for `seconds`; `pause` seconds between
    them (the default keeps within the NMI's limit of 1 000 a second); every `fresh`-th (0: none) does without the NMI's cache."""

    def __init__(self, lab: Any, pod: str, namespace: str = "default", seconds: float = 120, pause: float = 0.001, fresh: int = 0):
        numbers = [str(number) for number in (seconds, pause, fresh)]
        self.process = subprocess.Popen(lab.exec_command(pod, sys.executable, __file__, *numbers, namespace=namespace),
                                        stdout=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self.tokens = self.fresh = 0
        self.changed = threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line)
                self.fresh += line.startswith("fresh ")
                self.tokens += line.startswith(("fresh ", "token "))
                self.changed.notify_all()

    def wait_for_progress(self, answers: int = 20, patience: float = 60) -> None:
        """Until that many more requests were answered with a token."""
        with self.changed:
            goal = self.tokens + answers
            if not self.changed.wait_for(lambda: self.tokens >= goal, patience):
                raise RuntimeError(f"no {answers} tokens within {patience} s; last answers: {self.lines[-5:]}")

    def finish(self) -> dict[str, Any]:
        """{"tokens": {client ID: answers}, "failures": {what: how often}}"""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)
        self.reader.join(timeout=30)
        words = [line.split(maxsplit=1) for line in self.lines]
        return {"tokens": dict(Counter(value.strip() for kind, value in words if kind != "failed")),
                "failures": dict(Counter(value.strip() for kind, value in words if kind == "failed"))}


def ask(path: str, kind: str) -> str:
    connection = http.client.HTTPConnection("169.254.169.254", timeout=30)
    try:
        connection.request("GET", path, headers={"Metadata": "true"})
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        return f"failed {type(error).__name__}"
    finally:
        connection.close()
    if answer.status != 200:
        return f"failed status-{answer.status}"
    try:
        return f"{kind} {claims_of(json.loads(body)['access_token'])['appid']}"
    except (ValueError, LookupError):
        return f"{kind} unreadable"


def main() -> None:
    # A flag, not an exception: Python drops an exception that a handler raises inside a finaliser, and the program would go on.
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    end, pause, fresh = time.monotonic() + float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    for number in itertools.count(1):
        if stopping.is_set() or time.monotonic() >= end:
            return
        is_fresh = fresh and number % fresh == 0
        line = ask(PATH + "&bypass_cache=true", "fresh") if is_fresh else ask(PATH, "token")
        print(line, flush=True)
        # A refused connection costs nothing: do not fill the pipe while the NMI restarts.
        time.sleep(max(pause, 0.005) if line.startswith("failed") else pause)


if __name__ == "__main__":
    main()
