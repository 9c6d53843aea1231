# SPDX-License-Identifier: Apache-2.0
"""Small programs on the official Azure SDKs, unmodified: how they are made and started, what they can."""
from __future__ import annotations

import fcntl
import functools
import pathlib
import re
import subprocess
import tomllib
from dataclasses import dataclass
from typing import Callable

import pytest
from lab import ROOT

SDK = pathlib.Path(__file__).parent / "sdk"
BUILD = ROOT / "build/sdk"
# What a token credential of an SDK can be told about the identity.
ALL = ("client_id", "resource_id", "object_id")


def build(*command: str, cwd: pathlib.Path) -> None:
    """Builds a client, with its dependencies from the language's own registry; the labs need the processor more."""
    done = subprocess.run(["nice", *command], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=1200)
    assert done.returncode == 0, f"{' '.join(command)} in {cwd}: exit code {done.returncode} (./dev setup installs what it needs)\n{done.stdout}"


def javascript() -> list[str]:
    if not (SDK / "js/node_modules").is_dir():
        build("npm", "ci", "--no-audit", "--no-fund", cwd=SDK / "js")
    return ["node", str(SDK / "js/token.mjs")]


def python() -> list[str]:
    return [str(ROOT / "build/venv/bin/python"), str(SDK / "python/token_client.py")]


def go() -> list[str]:
    found = subprocess.run([ROOT / "scripts/build-control-plane", "--go"], capture_output=True, text=True, check=True, timeout=600)
    build(found.stdout.strip(), "build", "-o", str(BUILD / "go-sdk"), ".", cwd=SDK / "go")
    return [str(BUILD / "go-sdk")]


def java() -> list[str]:
    build("mvn", "-q", "-B", "compile", cwd=SDK / "java")
    return ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{BUILD}/java/classes:{BUILD}/java/lib/*", "TokenClient"]


def rust() -> list[str]:
    needed = tomllib.loads((SDK / "rust/Cargo.toml").read_text())["package"]["rust-version"]
    try:
        said = subprocess.run(["cargo", "--version"], capture_output=True, text=True, check=True, timeout=60).stdout
    except (OSError, subprocess.CalledProcessError):
        said = "none"
    found = re.match(r"cargo (\d+)\.(\d+)", said)
    if not found or tuple(map(int, found.groups())) < tuple(map(int, needed.split("."))):
        # No package of Debian 12 is new enough, and rustup's downloads are not everywhere to be had.
        pytest.skip(f"the Rust SDK needs cargo {needed} or newer (https://rustup.rs); found: {said.strip()}")
    build("cargo", "build", "--quiet", "--locked", "--target-dir", str(BUILD / "rust"), cwd=SDK / "rust")
    return [str(BUILD / "rust/debug/podid-sdk-check")]


@dataclass(frozen=True)
class Client:
    """A small program on one SDK: how it is made and started, which credentials that SDK has with which selectors, and what of
    a refusal its error shows."""
    make: Callable[[], list[str]]
    selectors: dict[str, tuple[str, ...]]
    shows: str = "aadpodidbinding"  # of the reason that the NMI gives


CLIENTS = {
    "javascript": Client(javascript, {"managed": ALL, "default": ("client_id", "resource_id")}),
    "python": Client(python, {"managed": ALL, "managed-async": ALL, "default": ("client_id",)}),
    "go": Client(go, {"managed": ALL, "default": ()}),
    "java": Client(java, {"managed": ALL, "default": ("client_id", "resource_id")}),
    # It replaces the text of every answer 400 by its own.
    "rust": Client(rust, {"managed": ALL}, shows="identity has not been assigned to this resource"),
}
CREDENTIALS = [(name, kind) for name, each in CLIENTS.items() for kind in each.selectors]


@functools.cache
def command_of(name: str) -> list[str]:
    """Makes the program at its first use; skips the test when this machine cannot."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with open(BUILD / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process of the tests may make it, too
        return CLIENTS[name].make()
