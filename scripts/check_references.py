#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Follows every reference from comments and pages to what it names, and prints file:line of those that lead nowhere; exit
status 1 if any does.

  page       docs/operating-nmi.md, ../README.md, or its name alone: metrics.md, and nmi.md for docs/design/nmi.md
  section    nmi.md §10.1 (a numbered heading); §10.1 alone is of the page named before in a source, of the same page in a page
  row        NMI-7, MIC-12, API-3, SEC-4, FLD-2: rows of tables in the design pages
             SEC rows of docs/design/hardening.md: each has one in docs/threat-model.md that names a test
  link       [text](page#heading) in a page
  test       nmi/request/path_test.cpp::Path.SideStepsAreRefused, e2e/test_tokens.py::test_managed_identity: below tests, with that name
  file       src/net/server/http_server.hpp, nmi/pods/address_doubt (a header or source, or a folder), scripts/*.py
  header     address_doubt.hpp: must exist; where there are several of that name, beside the comment
  name       `TokenCache::get` in docs/architecture.md: its words are in the sources

`--self-test` shows that each kind of broken reference is found."""
import fnmatch
import functools
import io
import pathlib
import re
import subprocess
import sys
import tempfile
import tokenize
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOPS = ("src", "lab", "apps", "tests", "bench", "scripts", "deploy", "cmake", "docs", ".ci")
ROOMS = ("core", "base", "net", "kube", "azure", "mic", "nmi", "cli")
# Names of Kubernetes that look like our folders.
NOT_OURS = {"core/v1"}
SOURCE_ENDING = r"(?:hpp|cpp|py|cmake|yaml|nft)"

TOKEN = re.compile(
    r"(?P<rfc>\bRFC \d+)"
    r"|(?P<test>(?<![\w/.-])[\w./-]+\.(?:cpp|py)::\w+(?:\.\w+)?)"
    r"|(?P<page>(?<![\w/.-])[\w./-]*\w\.md\b)"
    r"|§(?P<section>\d+(?:\.\d+)*)"
    r"|\b(?P<row>(?:NMI|MIC|API|SEC|FLD)-\d+)\b"
    rf"|(?P<path>(?<![\w/.:@-])(?:{'|'.join(re.escape(name) for name in TOPS + ROOMS)})/[\w./*{{}},-]*\w[*/}}]*)"
    rf"|(?P<file>(?<![\w/.*-])(?:[\w-]+/)*[\w-]+\.{SOURCE_ENDING}\b)")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.M | re.S)
NAME = re.compile(r"`([A-Za-z_]\w*(?:::\w+)*)`")
WALKS = "docs/architecture.md"
HARDENING, THREATS = "docs/design/hardening.md", "docs/threat-model.md"
HEADING = re.compile(r"^(#{1,6}) (.*?)\s*$", re.M)
NUMBER = re.compile(r"(\d+(?:\.\d+)*)\.? ")
# What may stand between a page and its section, and between two sections of one page, in prose.
LIST = re.compile(r"[`)\s]*(?:#[\w-]+\))?(?:,|and|to|or|–)?\s*")
CPP_TEXT = re.compile(r'R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\''
                      r"|(?P<comment>//[^\n]*|/\*.*?\*/)", re.S)
TEST = re.compile(r"^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", re.M)
HASH_COMMENT = re.compile(r"(?:^|(?<=\s))#[^\n]*")


class Block:
    """Text in which references are looked for: a comment over several lines, or a page; `starts` are the offsets of its lines."""

    def __init__(self, lines: list[tuple[int, str]]) -> None:
        self.text, self.starts = "", []
        for number, line in lines:
            self.starts.append((len(self.text), number))
            self.text += line + "\n"

    def line_at(self, offset: int) -> int:
        return max((start, number) for start, number in self.starts if start <= offset)[1]


def blocks_of(comments: Iterator[tuple[int, str]]) -> list[Block]:
    """Comments on lines that follow each other belong together."""
    groups: list[list[tuple[int, str]]] = []
    for number, text in comments:
        if groups and groups[-1][-1][0] + 1 == number:
            groups[-1].append((number, text))
        else:
            groups.append([(number, text)])
    return [Block(group) for group in groups]


def cpp_comments(text: str) -> Iterator[tuple[int, str]]:
    for match in CPP_TEXT.finditer(text):
        if not match["comment"]:
            continue
        first = text.count("\n", 0, match.start()) + 1
        for index, line in enumerate(match["comment"].split("\n")):
            yield first + index, line.lstrip("/* ")


def python_comments(text: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT or (token.type == tokenize.STRING and token.string.startswith('"""')):
            for index, line in enumerate(token.string.split("\n")):
                yield token.start[0] + index, line.lstrip("# ")


def hash_comments(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.split("\n"), 1):
        if match := HASH_COMMENT.search(line):
            yield number, match[0].lstrip("# ")


def blanked(match: re.Match) -> str:
    return re.sub(r"[^\n]", " ", match[0])


def slug(heading: str) -> str:
    """The anchor that the hosting platform gives a heading."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


class Page:
    def __init__(self, text: str) -> None:
        headings = [match[2] for match in HEADING.finditer(FENCE.sub(blanked, text))]
        self.sections = {match[1] for heading in headings if (match := NUMBER.match(heading))}
        self.anchors: set[str] = set()
        for heading in headings:
            anchor, copies = slug(heading), 0
            while anchor in self.anchors:
                copies += 1
                anchor = f"{slug(heading)}-{copies}"
            self.anchors.add(anchor)
        self.rows = set(re.findall(r"^\| ((?:NMI|MIC|API|SEC|FLD)-\d+) \|", text, re.M))


class Tree:
    """The files of a checkout. Paths are relative to its top."""

    def __init__(self, root: pathlib.Path, files: list[str]) -> None:
        self.root, self.files = root, sorted(files)
        self.known = set(self.files)
        self.folders = {str(folder) for name in files for folder in pathlib.PurePosixPath(name).parents}
        self.by_name: dict[str, list[str]] = {}
        for name in self.files:
            self.by_name.setdefault(name.rsplit("/", 1)[-1], []).append(name)
        self.followed = 0
        self.problems: list[str] = []

    @functools.cached_property
    def rows(self) -> set[str]:
        return {row for name in self.files if name.startswith("docs/design/") for row in self.page(name).rows}

    @functools.cached_property
    def words(self) -> set[str]:
        sources = [name for name in self.files if name.endswith((".hpp", ".cpp")) and not name.startswith("tests/")]
        return {word for name in sources for word in re.findall(r"\w+", (self.root / name).read_text())}

    @functools.cache
    def page(self, name: str) -> Page:
        return Page((self.root / name).read_text())

    def normal(self, path: str) -> str:
        parts: list[str] = []
        for part in path.split("/"):
            if part == "..":
                if not parts:
                    return ""
                parts.pop()
            elif part not in ("", "."):
                parts.append(part)
        return "/".join(parts)

    def find_page(self, name: str, folder: str) -> str | None:
        for base in (folder, "", "docs/design", "docs"):
            path = self.normal(f"{base}/{name}")
            if path in self.known:
                return path
        return None

    def has_path(self, path: str) -> bool:
        """A file, a folder, a header or source without its ending; from the top, or from src or tests as includes are."""
        if braces := re.search(r"\{([^{}]*)\}", path):
            before, after = path[:braces.start()], path[braces.end():]
            return all(self.has_path(before + part + after) for part in braces[1].split(","))
        for candidate in (self.normal(path), self.normal("src/" + path), self.normal("tests/" + path)):
            names = [candidate, candidate + ".hpp", candidate + ".cpp"]
            if any(name in self.known or name in self.folders for name in names) or fnmatch.filter(self.files, candidate):
                return True
        return False

    def has_test(self, file: str, test: str) -> bool:
        return f"tests/{file}" in self.known and test in self.tests(f"tests/{file}")

    @functools.cache
    def tests(self, name: str) -> set[str]:
        text = (self.root / name).read_text()
        return {f"{suite}.{behaviour}" for suite, behaviour in TEST.findall(text)} | set(re.findall(r"^def (test_\w+)", text, re.M))

    def has_file(self, name: str, folder: str) -> bool:
        if "/" in name:
            return any(path == name or path.endswith("/" + name) for path in self.by_name.get(name.rsplit("/", 1)[-1], []))
        found = self.by_name.get(name, [])
        # tests/nmi/token is "beside" src/nmi/token.
        beside = {folder, re.sub(r"^tests/", "src/", folder), re.sub(r"^tests/lab", "lab", folder)}
        return len(found) == 1 or any(path.rpartition("/")[0] in beside for path in found)

    def problem(self, name: str, line: int, text: str) -> None:
        self.problems.append(f"{name}:{line}: {text}")

    def check(self) -> None:
        for name in self.files:
            path = self.root / name
            if name.endswith(".md"):
                self.check_page(name, path.read_text())
            elif name.split("/")[0] in (*TOPS, "dev"):
                self.check_source(name, path)
        if HARDENING in self.known:
            self.check_threats()

    def check_threats(self) -> None:
        """What was found by attack and closed stands in the threat model, with a test that holds it."""
        threats = (self.root / THREATS).read_text() if THREATS in self.known else ""
        held = set(re.findall(r"^\| (SEC-\d+) \|.*::", threats, re.M))
        seen = set()
        for number, line in enumerate((self.root / HARDENING).read_text().split("\n"), 1):
            if not (row := re.match(r"\| ([A-Z]+-\d+) \|", line)):
                continue
            if row[1] in seen:
                self.problem(HARDENING, number, f"{row[1]} has a row already")
            seen.add(row[1])
            if row[1].startswith("SEC-") and row[1] not in held:
                self.problem(HARDENING, number, f"{row[1]} has no row in {THREATS} that names a test")

    def check_source(self, name: str, path: pathlib.Path) -> None:
        comments = None
        if name.endswith((".cpp", ".hpp")):
            comments = cpp_comments
        elif name.endswith(".py"):
            comments = python_comments
        elif name.endswith((".cmake", ".yaml", ".nft", ".service", ".txt")):
            comments = hash_comments
        elif "." not in name.rsplit("/", 1)[-1] and path.read_bytes()[:2] == b"#!":
            comments = python_comments if b"python" in path.read_bytes().split(b"\n")[0] else hash_comments
        if comments is None:
            return
        text = path.read_text()
        page = None
        for block in blocks_of(comments(text)):
            page = self.check_text(name, block, page)
        # Pages that a program names to its users; the examples of the self-test are none.
        for match in [] if name.endswith("/check_references.py") else re.finditer(r'"[^"\n]*?\b(docs/[\w/-]+\.md)', text):
            self.follow_page(name, text.count("\n", 0, match.start()) + 1, match[1])

    def check_page(self, name: str, text: str) -> None:
        block = Block(list(enumerate(text.split("\n"), 1)))
        for match in LINK.finditer(FENCE.sub(blanked, block.text)):
            self.check_link(name, block.line_at(match.start()), match[1])
        for match in NAME.finditer(block.text) if name == WALKS else []:
            self.followed += 1
            if not self.words.issuperset(match[1].split("::")):
                self.problem(name, block.line_at(match.start()), f"no source has {match[1]}")
        # The targets are done.
        block.text = LINK.sub(lambda link: link[0].replace(link[1], " " * len(link[1])), block.text)
        self.check_text(name, block, None)

    def check_link(self, name: str, line: int, target: str) -> None:
        if re.match(r"[a-z]+:", target):
            return
        self.followed += 1
        path, _, anchor = target.partition("#")
        found = self.normal(f"{name.rpartition('/')[0]}/{path}") if path else name
        if found not in self.known and found not in self.folders:
            self.problem(name, line, f"no such file: {target}")
        elif anchor and found.endswith(".md") and anchor not in self.page(found).anchors:
            self.problem(name, line, f"no such heading: {target}")

    def follow_page(self, name: str, line: int, page: str) -> str | None:
        self.followed += 1
        found = self.find_page(page, name.rpartition("/")[0])
        if not found:
            self.problem(name, line, f"no such page: {page}")
        return found

    def check_text(self, name: str, block: Block, page: str | None) -> str | None:
        """Gives the page that a bare section of the next block would be of."""
        folder = name.rpartition("/")[0]
        own = name if name.endswith(".md") else None
        current, end = page, 0  # the page that sections are of ("" an RFC), and where it, or its last section, ended
        missing = False         # that page does not exist: said once
        for match in TOKEN.finditer(block.text):
            line = block.line_at(match.start())
            kind, text = match.lastgroup, match[0]
            between = block.text[end:match.start()]
            if kind == "rfc":
                current, end = "", match.end()
            elif kind == "page":
                found = self.follow_page(name, line, text)
                current, end, missing = found, match.end(), not found
                page = found or page
            elif kind == "section":
                self.followed += 1
                if own and not (end and LIST.fullmatch(between)):
                    current, missing = own, False
                if current is None and not missing:
                    self.problem(name, line, f"{text} of which page?")
                elif current is None:
                    self.problem(name, line, f"{text} of a page that does not exist")
                elif current and match["section"] not in self.page(current).sections:
                    self.problem(name, line, f"{current} has no section {text}")
                end = match.end()
            elif kind == "row":
                self.followed += 1
                if text not in self.rows:
                    self.problem(name, line, f"no design page has a row {text}")
            elif kind == "test":
                self.followed += 1
                if not self.has_test(*text.split("::")):
                    self.problem(name, line, f"no such test: {text}")
            elif kind == "path" and text not in NOT_OURS:
                self.followed += 1
                if not self.has_path(text):
                    self.problem(name, line, f"no such file or folder: {text}")
            elif kind == "file":
                self.followed += 1
                if not self.has_file(text, folder):
                    several = len(self.by_name.get(text, [])) > 1
                    self.problem(name, line, f"several files are called {text}, none of them beside this one" if several
                                 else f"no such file: {text}")
        return page


def checkout() -> Tree:
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True)
    return Tree(ROOT, [name for name in set(listed.stdout.splitlines()) if (ROOT / name).is_file()])


def self_test() -> int:
    good = {
        "README.md": "[the NMI](docs/design/nmi.md#2-start-up), `clock.hpp`, `src/base`, `scripts/*.py`, `nmi/{a,b}`\n",
        "docs/design/nmi.md": "# NMI\n## 1. Flags\n### 1.1 Ours\nsee §2 and `nmi.md` §1, §1.1\n## 2. Start-up\n| NMI-1 | x |\n",
        "src/base/clock.hpp": "// As nmi.md\n// §1.1 says (RFC 9110 §5.1 and §5.5), NMI-1.\n",
        "src/nmi/a/x.hpp": '// nmi.md §1\n\n// §2: x.hpp, base/clock.hpp, nmi/a/x, tests/nmi\nconst char* kUrl = "http://a/b";\n',
        "src/nmi/b/x.hpp": "\n",
        "tests/nmi/a/x_test.cpp": "// Of x.hpp.\n",
        "scripts/some.py": "# src/base/clock.hpp\n",
        THREATS: "| SEC-1 | `e2e/test_c.py::test_c` |\n| SEC-2 | none |\n",
        "docs/tests.md": "`nmi/c_test.cpp::C.Holds`, e2e/test_c.py::test_c\n",
        "tests/nmi/c_test.cpp": "TEST_F(C,\n       Holds) {\n",
        "tests/e2e/test_c.py": "def test_c(lab):\n    pass\n",
    }
    bad = {
        "src/nmi/page.hpp": ("// nmj.md §1\n", "page.hpp:1: no such page: nmj.md"),
        "src/nmi/section.hpp": ("// nmi.md\n// §1.2\n", "section.hpp:2: docs/design/nmi.md has no section §1.2"),
        "src/nmi/bare.hpp": ("// §1\n", "bare.hpp:1: §1 of which page?"),
        "src/nmi/row.hpp": ("int x;  // NMI-2\n", "row.hpp:1: no design page has a row NMI-2"),
        "src/nmi/path.hpp": ("// base/clock_face has it\n", "path.hpp:1: no such file or folder: base/clock_face"),
        "src/nmi/header.hpp": ("// (watch.hpp)\n", "header.hpp:1: no such file: watch.hpp"),
        "src/nmi/twice.hpp": ("// (x.hpp)\n", "twice.hpp:1: several files are called x.hpp"),
        "src/nmi/text.cpp": ('auto* kHelp = "see docs/help.md";\n', "text.cpp:1: no such page: docs/help.md"),
        "deploy/pod.yaml": ("kind: Pod  # docs/pods.md\n", "pod.yaml:1: no such page: docs/pods.md"),
        "scripts/run": ("#!/bin/sh\n# src/nmi/none.cpp\n", "run:2: no such file or folder: src/nmi/none.cpp"),
        "scripts/doc.py": ('"""As\ndocs/doc.md"""\n', "doc.py:2: no such page: docs/doc.md"),
        "docs/link.md": ("\n[a](design/none.md)\n", "link.md:2: no such file: design/none.md"),
        "docs/anchor.md": ("[a](design/nmi.md#3-end)\n", "anchor.md:1: no such heading: design/nmi.md#3-end"),
        HARDENING: ("| SEC-1 | x |\n| SEC-2 | x |\n| SEC-1 | y |\n",
                    "hardening.md:2: SEC-2 has no row in docs/threat-model.md", "hardening.md:3: SEC-1 has a row already"),
        "docs/test.md": ("nmi/c_test.cpp::C.Falls\n", "test.md:1: no such test: nmi/c_test.cpp::C.Falls"),
        "docs/place.md": ("nmi/d_test.cpp::C.Holds\n", "place.md:1: no such test: nmi/d_test.cpp::C.Holds"),
        WALKS: ("`kUrl`\n`Cache::get`\n", "architecture.md:2: no source has Cache::get"),
        "docs/self.md": ("## 1. One\n`nmi.md` §1, §2. And §2\n", "self.md:2: docs/self.md has no section §2"),
    }
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        files = good | {name: text for name, (text, *_) in bad.items()}
        for name, text in files.items():
            path = pathlib.Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        tree = Tree(pathlib.Path(folder), list(files))
        tree.check()
    for name, (_, *expected) in bad.items():
        found = [problem for problem in tree.problems if problem.startswith(name + ":")]
        failures += [f"{name}: expected {one!r}, found {found}" for one in expected if not any(one in problem for problem in found)]
    failures += [f"nothing is wrong there: {problem}" for problem in tree.problems if problem.split(":")[0] in good]
    print("\n".join(failures), end="\n" if failures else "")
    return 1 if failures else 0


def main() -> int:
    if "--self-test" in sys.argv:
        return self_test()
    tree = checkout()
    tree.check()
    print("\n".join([*tree.problems, f"references: {tree.followed}, of which {len(tree.problems)} lead nowhere"]))
    return 1 if tree.problems else 0


if __name__ == "__main__":
    sys.exit(main())
