# SPDX-License-Identifier: Apache-2.0
"""Checks the rooms of the house against scripts/layers.txt: every include of src/ and lab/ follows an arrow, the arrows make no
circle, and no folder holds more units (a header with its source) than it may. Prints what offends; exit status 1 if anything.
`--table` prints the rooms instead."""
import graphlib
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^\s*#include "([^"]+)"')
MOST_UNITS = 22


def read_layers() -> dict[str, list[str]]:
    layers = {}
    for line in (ROOT / "scripts/layers.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            folder, _, allowed = line.partition(":")
            layers[folder.strip()] = allowed.split()
    return layers


def sources() -> list[tuple[str, pathlib.Path]]:
    """Each source with the path that its includers write."""
    found = [(path.relative_to(ROOT / "src").as_posix(), path) for path in (ROOT / "src").rglob("*.[ch]pp")]
    return sorted(found + [(path.relative_to(ROOT).as_posix(), path) for path in (ROOT / "lab").rglob("*.[ch]pp")])


def folder_of(path: str, layers: dict[str, list[str]]) -> str | None:
    """The longest layer that the path lies in."""
    matches = [folder for folder in layers if path.startswith(folder + "/")]
    return max(matches, key=len, default=None)


def is_allowed(folder: str, target: str | None, layers: dict[str, list[str]]) -> bool:
    return target == folder or any(
        target is not None and (target == name or target.startswith(name + "/")) for name in layers[folder])


def main() -> int:
    layers = read_layers()
    problems = []
    used: dict[str, set[str]] = {folder: set() for folder in layers}
    units: dict[str, set[str]] = {}
    for relative, source in sources():
        folder = folder_of(relative, layers)
        if folder is None or "/" in relative[len(folder) + 1:]:
            problems.append(f"{relative}: its folder is not in scripts/layers.txt")
            continue
        units.setdefault(folder, set()).add(source.stem)
        for number, line in enumerate(source.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            target = folder_of(match.group(1), layers)
            if target is not None and target != folder:
                used[folder].add(target)
            if not is_allowed(folder, target, layers):
                problems.append(f'{source.relative_to(ROOT)}:{number}: {folder} may not include "{match.group(1)}"')
    try:
        order = list(graphlib.TopologicalSorter(used).static_order())
    except graphlib.CycleError as circle:
        problems.append("circle of folders: " + " → ".join(circle.args[1]))
        order = sorted(layers)
    for folder, names in sorted(units.items()):
        if len(names) > MOST_UNITS:
            problems.append(f"{folder}: {len(names)} units (a header with its source), {MOST_UNITS} are the limit: make rooms")
    for folder, allowed in layers.items():
        if folder not in units:
            problems.append(f"scripts/layers.txt: {folder} holds nothing")
        for name in allowed:
            if not any(target == name or target.startswith(name + "/") for target in used[folder]):
                problems.append(f"scripts/layers.txt: {folder} does not use {name}")
    if "--table" in sys.argv:
        for folder in order:
            print(f"{folder:24} {len(units.get(folder, ())):3} units  → {' '.join(sorted(used[folder])) or '-'}")
        return 0
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
