# SPDX-License-Identifier: Apache-2.0
"""Checks that every include under src/ follows scripts/layers.txt. Prints offending lines; exit status 1 if any."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^\s*#include "([^"]+)"')


def read_layers() -> dict[str, list[str]]:
    layers = {}
    for line in (ROOT / "scripts/layers.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            folder, _, allowed = line.partition(":")
            layers[folder.strip()] = allowed.split()
    return layers


def folder_of(path: str, layers: dict[str, list[str]]) -> str | None:
    """The longest layer that the path lies in."""
    matches = [folder for folder in layers if path.startswith(folder + "/")]
    return max(matches, key=len, default=None)


def main() -> int:
    layers = read_layers()
    problems = []
    for source in sorted((ROOT / "src").rglob("*.[ch]pp")):
        relative = source.relative_to(ROOT / "src").as_posix()
        folder = folder_of(relative, layers)
        if folder is None:
            problems.append(f"src/{relative}: its folder is not in scripts/layers.txt")
            continue
        for number, line in enumerate(source.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            target = folder_of(match.group(1), layers)
            allowed = target == folder or any(
                target is not None and (target == name or target.startswith(name + "/")) for name in layers[folder])
            if not allowed:
                problems.append(f'src/{relative}:{number}: {folder} may not include "{match.group(1)}"')
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
