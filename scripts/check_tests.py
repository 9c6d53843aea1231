# SPDX-License-Identifier: Apache-2.0
"""Checks tests/ against src/ and lab/: every source has a test file at the mirrored path (<unit>_test, _property_test or
_root_test) or a line "unit: where it is tested instead" in scripts/untested.txt, and tests are named as CONTRIBUTING.md says.
Prints what offends; exit status 1 if anything."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TEST = re.compile(r"^TEST(_F|_P)?\(\s*(\w+),\s*(\w+)\)", re.MULTILINE)
KINDS = ("_test.cpp", "_property_test.cpp", "_root_test.cpp")


def units() -> dict[str, pathlib.Path]:
    """Each unit ("src/core/plan") with the path of its tests, less the kind."""
    found = {}
    for top, tests in (("src", ROOT / "tests"), ("lab", ROOT / "tests/lab")):
        for source in (ROOT / top).rglob("*.cpp"):
            inside = source.relative_to(ROOT / top).with_suffix("")
            found[f"{top}/{inside.as_posix()}"] = tests / inside
    return found


def read_exceptions(problems: list[str]) -> dict[str, str]:
    exceptions = {}
    for line in (ROOT / "scripts/untested.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            unit, _, reason = line.partition(": ")
            if not reason.strip():
                problems.append(f"scripts/untested.txt: {unit}: says not where it is tested instead")
            exceptions[unit] = reason
    return exceptions


def check_units(problems: list[str]) -> None:
    exceptions = read_exceptions(problems)
    used = set()
    for unit, test in sorted(units().items()):
        if any(test.with_name(test.name + kind).exists() for kind in KINDS):
            continue
        named = {unit, unit.rpartition("/")[0] + "/*"} & exceptions.keys()
        used |= named
        if not named:
            problems.append(f"{unit}.cpp: no {test.relative_to(ROOT)}_test.cpp, and no line in scripts/untested.txt")
    problems += [f"scripts/untested.txt: {name}: no such unit, or it has tests of its own" for name in sorted(exceptions.keys() - used)]


def check_names(problems: list[str]) -> None:
    for path in sorted((ROOT / "tests").rglob("*_test.cpp")):
        for kind, suite, behaviour in TEST.findall(path.read_text()):
            place = f"{path.relative_to(ROOT)}: {suite}.{behaviour}"
            if "_" in suite + behaviour or not (suite[0].isupper() and behaviour[0].isupper()):
                problems.append(f"{place}: both names are UpperCamelCase")
            if kind and not suite.endswith(("Test", "Contract")):
                problems.append(f"{place}: a fixture ends in Test (in tests/contract in Contract)")
            if not kind and suite.endswith("Test"):
                problems.append(f"{place}: only a fixture ends in Test")


def main() -> int:
    problems: list[str] = []
    check_units(problems)
    check_names(problems)
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
