#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: scripts/check_hardening.py [FOLDER] | --self-test

Reads off the programs in FOLDER/bin (build/release), and off the commands that compiled them, what cmake/Hardening.cmake asks for; prints
what is missing; exit status 1 if anything is.

  read off a program   position independent, bound at start (BIND_NOW), relocations read-only (RELRO), nothing writable and executable, no
                       text relocations, no search path of its own; calls of the checked functions of libc and of the check of the stack and
                       of libstdc++; each function of ours that may be called from elsewhere begins with endbr64 (arm64: bti or paciasp)
  read off commands    stack clash, initialised variables and the rest, for every object: what leaves no mark that can be told apart

Marks of our own objects alone are looked for, too: OpenSSL is linked in and has them from Debian's build.
`--self-test` builds a small program without each of them in turn, and shows that it is found."""
import json
import pathlib
import platform
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHIPPED = ("nmi", "mic", "podid", "podid-lab")
ARM = "AArch64"
CONTROL_FLOW = {"x86_64": "-fcf-protection=full", "aarch64": "-mbranch-protection=standard"}[platform.machine()]
# Each with what would take it back where it comes later.
OPTIONS = {"-fPIE": r"-fno-(PIE|pie|PIC|pic)", "-D_FORTIFY_SOURCE=3": r"-[UD]_FORTIFY_SOURCE.*|-O0", "-D_GLIBCXX_ASSERTIONS": r"-U_GLIBCXX_ASSERTIONS",
           "-fstack-protector-strong": r"-f(no-)?stack-protector", "-fstack-clash-protection": r"-fno-stack-clash-protection",
           "-ftrivial-auto-var-init=zero": r"-ftrivial-auto-var-init=.*", CONTROL_FLOW: CONTROL_FLOW.split("=")[0] + "=.*"}
MARKS = {"checked functions of libc (_FORTIFY_SOURCE)": re.compile(r"\b__(?!stack_chk|fdelt)\w+_chk\b"),
         "the check of the stack (-fstack-protector-strong)": re.compile(r"\b__stack_chk_fail\b"),
         "the checks of libstdc++ (_GLIBCXX_ASSERTIONS)": re.compile(r"__glibcxx_assert_fail")}
# endbr64; bti c, bti j, bti jc, paciasp
LANDING = {"X86-64": (b"\xf3\x0f\x1e\xfa",), ARM: (b"\x5f\x24\x03\xd5", b"\x9f\x24\x03\xd5", b"\xdf\x24\x03\xd5", b"\x3f\x23\x03\xd5")}


def read(*command: object) -> str:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True).stdout


def without_landing(program: pathlib.Path, machine: str) -> tuple[list[str], int]:
    """Functions of ours with a name outside their object that do not begin as an indirect call must; and how many there are."""
    sections = {int(number): (int(address, 16), int(offset, 16)) for number, address, offset in
                re.findall(r"^\s*\[\s*(\d+)\]\s.*?\sPROGBITS\s+([0-9a-f]+)\s+([0-9a-f]+)\s", read("readelf", "-SW", program), re.M)}
    image = program.read_bytes()
    found, bad = 0, []
    for address, section, name in re.findall(r"^\s*\d+:\s+([0-9a-f]+)\s+\d+\s+FUNC\s+(?:GLOBAL|WEAK)\s+\w+\s+(\d+)\s+(_ZNK?5podid\w+)",
                                             read("readelf", "-sW", program), re.M):
        start, offset = sections[int(section)]
        at = int(address, 16) - start + offset
        found += 1
        if image[at:at + 4] not in LANDING[machine]:
            bad.append(name)
    return bad, found


def check_program(program: pathlib.Path) -> list[str]:
    header, segments, dynamic = (read("readelf", flag, program) for flag in ("-hW", "-lW", "-dW"))
    machine = ARM if ARM in header else "X86-64"
    problems = []

    def wanted(holds: object, what: str) -> None:
        if not holds:
            problems.append(f"{program.name}: {what}")

    wanted(re.search(r"Type:\s+DYN", header) and re.search(r"FLAGS_1\).*\bPIE\b", dynamic), "is not position independent (-pie)")
    wanted(re.search(r"\(FLAGS\).*\bBIND_NOW\b|FLAGS_1\).*\bNOW\b", dynamic), "binds its symbols late (-z now)")
    wanted("GNU_RELRO" in segments, "has writable relocations (-z relro)")
    wanted(re.search(r"GNU_STACK .* RW\s+0", segments), "has an executable stack (-z noexecstack)")
    wanted(not re.search(r"^\s*LOAD .* RWE ", segments, re.M), "has a segment that is writable and executable")
    wanted("TEXTREL" not in dynamic, "has relocations in its code")
    wanted(not re.search(r"\((RPATH|RUNPATH)\)", dynamic), "looks for libraries in folders of its own")
    imports = read("nm", "-D", "--undefined-only", program)
    for what, mark in MARKS.items():
        wanted(mark.search(imports), f"calls nothing of {what}")
    bad, found = without_landing(program, machine)
    wanted(found, "has no symbols of functions of ours: is it stripped?")
    wanted(not bad, f"{len(bad)} of {found} functions do not begin as an indirect call must ({CONTROL_FLOW}): "
           f"{', '.join(bad[:3])}")
    return problems


def check_commands(folder: pathlib.Path) -> list[str]:
    """Of every object that is there; and that among those of src and apps some have each mark."""
    problems, objects = [], []
    for entry in json.loads((folder / "compile_commands.json").read_text()):
        words = entry["command"].split() if '"' not in entry["command"] else shlex.split(entry["command"])
        output = folder / words[words.index("-o") + 1]
        if not output.exists() or output.suffix != ".o":
            continue
        objects.append(output)
        name = entry["file"].removeprefix(f"{ROOT}/")
        for option, opposite in OPTIONS.items():
            if option == "-fPIE" and "-fPIC" in words:  # a library that is loaded
                continue
            if option not in words:
                problems.append(f"{name}: compiled without {option}")
                continue
            later = [word for word in words[words.index(option) + 1:] if re.fullmatch(opposite, word)]
            if later:
                problems.append(f"{name}: {option} is taken back by {later[0]}")
    if not objects:
        return [f"{folder}: nothing is built there"]
    called = read("nm", "--undefined-only", *objects)
    problems += [f"no object of ours calls anything of {what}" for what, mark in MARKS.items() if not mark.search(called)]
    return problems


def check(folder: pathlib.Path) -> list[str]:
    programs = [path for name in SHIPPED if (path := folder / "bin" / name).exists()]
    missing = [f"{folder}/bin/{name}: not built" for name in ("nmi", "mic", "podid") if not (folder / "bin" / name).exists()]
    return missing + [problem for program in programs for problem in check_program(program)] + check_commands(folder)


SAMPLE = """#include <cstring>
#include <vector>
namespace podid {
int copy(const char* from, unsigned long size, const std::vector<int>& numbers) {
  char text[64];
  std::memcpy(text, from, size);
  return text[size / 2] + numbers[size];
}
}
int main(int count, char** words) { return podid::copy(words[0], count, std::vector<int>(count)); }
"""


def self_test() -> int:
    compile_options = ["-O2", *OPTIONS]
    link_options = ["-pie", "-Wl,-z,relro", "-Wl,-z,now", "-Wl,-z,noexecstack"]
    # What is changed → what must be said.
    cases: dict[str, tuple[dict[str, str], str]] = {
        "nothing": ({}, ""),
        "not pie": ({"-fPIE": "-fno-pie", "-pie": "-no-pie"}, "is not position independent"),
        "late": ({"-Wl,-z,now": "-Wl,-z,lazy"}, "binds its symbols late"),
        "relro": ({"-Wl,-z,relro": "-Wl,-z,norelro"}, "has writable relocations"),
        "stack": ({"-Wl,-z,noexecstack": "-Wl,-z,execstack"}, "has an executable stack"),
        "fortify": ({"-D_FORTIFY_SOURCE=3": "-D_FORTIFY_SOURCE=0"}, "calls nothing of checked functions of libc"),
        "protector": ({"-fstack-protector-strong": "-fno-stack-protector"}, "calls nothing of the check of the stack"),
        "assertions": ({"-D_GLIBCXX_ASSERTIONS": "-DNOTHING"}, "calls nothing of the checks of libstdc++"),
        "control flow": ({CONTROL_FLOW: CONTROL_FLOW.split("=")[0] + "=none"}, "do not begin as an indirect call must"),
        "clash": ({"-fstack-clash-protection": "-fno-stack-clash-protection"}, "compiled without -fstack-clash-protection"),
        "taken back": ({"-ftrivial-auto-var-init=zero": "-ftrivial-auto-var-init=zero -ftrivial-auto-var-init=uninitialized"},
                       "-ftrivial-auto-var-init=zero is taken back"),
        "folder": ({"-pie": "-pie -Wl,-rpath,/tmp"}, "looks for libraries in folders of its own"),
    }
    failures = []
    with tempfile.TemporaryDirectory() as temporary:
        for name, (changes, said) in cases.items():
            folder = pathlib.Path(temporary) / name.replace(" ", "-")
            (folder / "bin").mkdir(parents=True)
            (folder / "a.cpp").write_text(SAMPLE)
            changed = lambda words: " ".join(changes.get(word, word) for word in words).split()  # noqa: E731
            command = ["clang++-19", *changed(compile_options), "-o", "a.o", "-c", "a.cpp"]
            subprocess.run(command, cwd=folder, check=True)
            for program in ("nmi", "mic", "podid"):
                subprocess.run(["clang++-19", *changed(link_options), "a.o", "-o", f"bin/{program}"], cwd=folder, check=True)
            (folder / "compile_commands.json").write_text(json.dumps([{"file": "a.cpp", "command": " ".join(command)}]))
            problems = check(folder)
            if not (any(said in problem for problem in problems) if said else not problems):
                failures.append(f"{name}: {problems}")
    print("\n".join(failures), end="\n" if failures else "")
    return 1 if failures else 0


def main() -> int:
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/release")
    problems = check(folder)
    print("\n".join(problems[:40]), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
