"""Holds the shape of the tree: a mirror test for each source, files and folders of a readable size, no disabled test.

tree.py ROOT FILE...    with the files that git tracks, relative to ROOT
"""

import collections
import os
import re
import sys

PRODUCTION = ["io", "data", "routing", "proto", "server", "client", "trainer", "kernels", "tools"]
SOURCES = (".cc", ".cu")
MOST_LINES = 800
MOST_LINES_MAIN = 40
MOST_UNITS = 15
MOST_LEVELS = 2

# Written in pieces, or this file would find itself.
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
DISABLED = re.compile(r"\bDISABLED" + r"_|@unittest\.skip\(|\bGTEST_SKIP\(\)\s*;")


def is_main(path):
    stem = os.path.splitext(os.path.basename(path))[0]
    return stem == "main" or stem.endswith("_main")


def is_production(path):
    return path.split("/")[0] in PRODUCTION


def mirror_of(path):
    """The test that a source file must have, or None."""
    stem, extension = os.path.splitext(path)
    name = os.path.basename(path)
    if not is_production(path) or is_main(path):
        return None
    if extension in SOURCES:
        return f"tests/{stem}_test.cc"
    if extension == ".py" and name not in ("setup.py", "__init__.py", "__main__.py"):
        return f"tests/{stem}_test.py"
    return None


def read(path):
    if not os.path.isfile(path):
        return ""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def mirror_findings(root, files):
    found = []
    known = set(files)
    for path in files:
        mirror = mirror_of(path)
        if mirror is None:
            continue
        if mirror not in known:
            found.append(f"{path} has no mirror test: {mirror} is missing")
            continue
        build = os.path.join(root, os.path.dirname(mirror), "BUILD")
        # Some BUILD files make several tests of one list, which names them without "_test".
        stem = os.path.splitext(os.path.basename(mirror))[0].removesuffix("_test")
        if not re.search(rf'"{re.escape(stem)}(_test)?(\.\w+)?"', read(build)):
            found.append(f"{mirror} is in no target: name it in {os.path.dirname(mirror)}/BUILD")
    return found


def size_findings(root, files):
    found = []
    units = collections.defaultdict(set)
    for path in files:
        if not is_production(path):
            continue
        folder, name = os.path.split(path)
        stem, extension = os.path.splitext(name)
        if extension not in SOURCES + (".h", ".cuh", ".proto", ".py"):
            continue
        units[folder].add(stem)
        with open(os.path.join(root, path), encoding="utf-8") as file:
            lines = sum(1 for _ in file)
        most = MOST_LINES_MAIN if is_main(path) else MOST_LINES
        if lines > most:
            found.append(f"{path} has {lines} lines, more than {most}: split it by what changes together")
        if path.count("/") > MOST_LEVELS + 1:
            found.append(f"{path} lies deeper than {MOST_LEVELS} levels below its room")
    for folder, stems in sorted(units.items()):
        if len(stems) > MOST_UNITS:
            found.append(
                f"{folder}/ holds {len(stems)} units, more than {MOST_UNITS}: make a room of what belongs together"
            )
    return found


def word_findings(root, files):
    found = []
    for path in files:
        if path.startswith("tests/golden/") or not path.endswith(
            SOURCES
            + (".h", ".cuh", ".py", ".sh", ".bzl", ".proto", ".js", ".css", ".html", "BUILD", "check", "demo")
        ):
            continue
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, 1):
                if UNFINISHED.search(line):
                    found.append(f"{path}:{number}: unfinished: {line.strip()}")
                if (
                    path.startswith("tests/")
                    and not path.startswith("tests/check/")
                    and DISABLED.search(line)
                ):
                    found.append(
                        f"{path}:{number}: a test that does not run, or a skip without a reason: {line.strip()}"
                    )
    return found


def findings(root, files):
    files = [path for path in files if os.path.isfile(os.path.join(root, path))]
    return mirror_findings(root, files) + size_findings(root, files) + word_findings(root, files)


def main():
    found = findings(sys.argv[1], sys.argv[2:])
    for line in found:
        print(f"tree: {line}")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
