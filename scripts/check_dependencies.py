#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/dependencies.md names everything that the build takes from elsewhere: what CMake finds, the Boost libraries that sources
include, the packages of scripts/packages.txt. Prints what it does not name; exit status 1 if anything."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def found_by_cmake() -> set[str]:
    text = "".join(path.read_text() for path in [*ROOT.glob("cmake/*.cmake"), ROOT / "CMakeLists.txt"])
    packages = set(re.findall(r"find_package\((\S+)", text))
    modules = set(re.findall(r"pkg_check_modules\(\w+ (?:REQUIRED )?(?:IMPORTED_TARGET )?([\w-]+)", text))
    return packages | modules


def boost_libraries() -> set[str]:
    sources = [path for folder in ("src", "lab", "apps") for path in (ROOT / folder).rglob("*.[ch]pp")]
    return {"Boost." + name for path in sources for name in re.findall(r"#include <boost/(\w+)", path.read_text())}


def packages() -> set[str]:
    lines = (ROOT / "scripts/packages.txt").read_text().splitlines()
    return {line.split("#")[0].strip() for line in lines if line.strip() and line[0] not in "#["}


def main() -> int:
    page = (ROOT / "docs/dependencies.md").read_text().lower()
    wanted = found_by_cmake() | boost_libraries() | packages()
    missing = [name for name in sorted(wanted) if not re.search(rf"(?<![\w.-]){re.escape(name.lower())}(?![\w-])", page)]
    for name in missing:
        print(f"docs/dependencies.md does not name {name}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
