"""The demo's fourteen domains: which files of which packages, and how they become documents."""

import gzip
import hashlib
import re
import subprocess
from pathlib import Path

import extract

MAX_DOMAIN_BYTES = 4_000_000
LARGEST_DOCUMENT = 400_000  # bytes; larger files are generated tables
SMALLEST_DOCUMENT = 200


def shuffled(names):
    """A fixed order that has nothing to do with the alphabet, so that a prefix is a fair sample."""
    return sorted(names, key=lambda name: hashlib.sha256(str(name).encode()).digest())


def files_of(root, pattern):
    return shuffled(path for path in Path(root).rglob(pattern) if path.is_file() and not path.is_symlink())


def read(path):
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    return content.decode("utf-8", "replace")


def code(root, patterns):
    for path in shuffled(p for pattern in patterns for p in files_of(root, pattern)):
        if path.stat().st_size <= LARGEST_DOCUMENT:
            yield str(path.relative_to(root)), extract.drop_licence_header(read(path))


def manual_pages(roots, language):
    pages = [(root, path) for root in roots for path in files_of(root, f"usr/share/man/{language}/man*/*.gz")]
    for root, path in sorted(pages, key=lambda page: hashlib.sha256(page[1].name.encode()).digest()):
        source = read(path)
        if not extract.is_alias_page(source):
            yield path.name[: -len(".gz")] + ".txt", extract.strip_roff(source)


def scripture(packages):
    environment = {"LD_LIBRARY_PATH": f"{packages['libreadline8']}/lib/x86_64-linux-gnu"}
    environment["LD_LIBRARY_PATH"] += f":{packages['libreadline8']}/usr/lib/x86_64-linux-gnu"
    text = subprocess.run(
        [
            f"{packages['bible-kjv']}/usr/bin/bible",
            "-p",
            f"{packages['bible-kjv-text']}/usr/lib/",
            "-f",
            "gen1:1-rev22:21",
        ],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
    ).stdout.decode("utf-8", "replace")
    chapters = extract.bible_chapters(text)
    for name in shuffled(chapters):
        yield name + ".txt", chapters[name]


def novels(packages):
    database = packages["r-cran-janeaustenr"] / "usr/lib/R/site-library/janeaustenr/data/Rdata.rdb"
    chapters = {}
    for content in extract.r_streams(database.read_bytes()):
        title, parts = extract.novel_chapters(extract.r_strings(content))
        slug = re.sub(r"\W+", "_", title.lower()).strip("_")
        chapters.update({f"{slug}_{number:02}.txt": text for number, text in enumerate(parts)})
    for name in shuffled(chapters):
        yield name, chapters[name]


def dictionary(packages):
    folder = packages["dict-foldoc"] / "usr/share/dictd"
    content = gzip.decompress((folder / "foldoc.dict.dz").read_bytes())
    pages = {}
    for headword, text in extract.dict_entries((folder / "foldoc.index").read_text("utf-8"), content):
        letters = re.sub(r"[^a-z0-9]", "", headword.lower())[:3] or "other"
        pages.setdefault(letters, []).append(text)
    for name in shuffled(pages):
        yield name + ".txt", "\n\n".join(pages[name])


def mathematics(packages):
    folder = packages["metamath-databases"] / "usr/share/metamath/databases"
    chunks = {}
    for source in ("set.mm", "iset.mm", "nf.mm", "ql.mm", "hol.mm", "peano.mm"):
        for number, text in enumerate(extract.metamath_chunks(read(folder / source))):
            chunks[f"{source[:-3]}_{number:04}.mm"] = text
    for name in shuffled(chunks):
        yield name, chunks[name]


def russian(packages):
    fortunes = packages["fortunes-ru"] / "usr/share/games/fortunes"
    documents = dict(manual_pages([packages["manpages-ru"]], "ru"))
    for path in files_of(fortunes, "*"):
        if path.suffix not in (".dat", ".u8"):
            for number, text in enumerate(extract.fortune_pages(read(path))):
                documents[f"fortunes_{path.relative_to(fortunes)}_{number:02}.txt"] = text
    for name in shuffled(documents):
        yield name, documents[name]


def technical(packages):
    root = packages["python3.11-doc"]
    for path in files_of(root, "*.rst.txt"):
        if "/whatsnew/changelog" not in str(path):
            yield path.name[: -len(".txt")], read(path)


DOMAINS = {
    "scripture": scripture,
    "novels": novels,
    "technical": technical,
    "dictionary": dictionary,
    "c": lambda p: code(p["gnulib"] / "usr/share/gnulib/lib", ["*.c", "*.h"]),
    "cpp": lambda p: code(p["libeigen3-dev"] / "usr/include/eigen3", ["*"]),
    "python": lambda p: code(p["libpython3.11-stdlib"] / "usr/lib/python3.11", ["*.py"]),
    "lisp": lambda p: code(p["sbcl-source"] / "usr/share/sbcl-source", ["*.lisp"]),
    "mathematics": mathematics,
    "german": lambda p: manual_pages([p["manpages-de"], p["manpages-de-dev"]], "de"),
    "french": lambda p: manual_pages([p["manpages-fr"], p["manpages-fr-dev"]], "fr"),
    "japanese": lambda p: manual_pages([p["manpages-ja"], p["manpages-ja-dev"]], "ja"),
    "chinese": lambda p: manual_pages([p["manpages-zh"]], "zh_CN"),
    "russian": russian,
}


def choose(documents, max_bytes):
    """{name: text} of the first documents that fill max_bytes, repeated paragraphs dropped; names made unique."""
    candidates, total = {}, 0
    for name, text in documents:
        if SMALLEST_DOCUMENT <= len(text.encode()) <= LARGEST_DOCUMENT:
            flat = re.sub(r"[^\w.+-]+", "_", name).strip("_")
            while flat in candidates:
                flat = "x_" + flat
            candidates[flat] = text
            total += len(text.encode())
            if total > 1.5 * max_bytes + LARGEST_DOCUMENT:
                break
    chosen, total = {}, 0
    for name, text in extract.drop_repeated_paragraphs(candidates).items():
        size = len(text.encode())
        if size >= SMALLEST_DOCUMENT and total + size <= max_bytes:
            chosen[name] = text
            total += size
    return chosen
