"""Plain text out of the formats the demo's packages hold. Pure functions: bytes or text in, text out."""

import hashlib
import re
import struct
import zlib
from collections import Counter

LICENCE = re.compile(
    r"copyright|licen[cs]e|warrant(y|ies)|public domain|all rights reserved|redistribut|part of the \w+ (system|library)",
    re.IGNORECASE,
)


class FormatError(Exception):
    """The bytes are not what the format says."""


# ---- R: lazy-load databases (.rdb) ----


def r_streams(database):
    """The decompressed objects of a lazy-load database: each is a big-endian length and a zlib stream."""
    offset = 0
    while offset < len(database):
        if offset + 4 > len(database):
            raise FormatError(f"cut at byte {offset}")
        (size,) = struct.unpack_from(">I", database, offset)
        stream = zlib.decompressobj()
        try:
            content = stream.decompress(database[offset + 4 :])
        except zlib.error as error:
            raise FormatError(f"no zlib stream at byte {offset + 4}: {error}") from error
        if len(content) != size or not stream.eof:
            raise FormatError(f"stream at byte {offset + 4} holds {len(content)} bytes, {size} promised")
        yield content
        offset = len(database) - len(stream.unused_data)


def r_strings(serialized):
    """The elements of a serialized character vector (R's XDR form, versions 2 and 3); missing ones are empty."""
    position = 0

    def take(size):
        nonlocal position
        if size < 0 or position + size > len(serialized):
            raise FormatError(f"cut at byte {position}")
        position += size
        return serialized[position - size : position]

    def integer():
        return struct.unpack(">i", take(4))[0]

    if take(2) != b"X\n":
        raise FormatError("not in XDR form")
    version = integer()
    take(8)  # the R that wrote it, the oldest that reads it
    if version == 3:
        take(integer())  # the native encoding's name
    elif version != 2:
        raise FormatError(f"serialization version {version}")
    kind = integer() & 0xFF
    if kind != 16:
        raise FormatError(f"object type {kind} is not a character vector")
    lines = []
    for _ in range(integer()):
        if integer() & 0xFF != 9:
            raise FormatError(f"no string at byte {position - 4}")
        size = integer()
        lines.append("" if size == -1 else take(size).decode("utf-8", "replace"))
    return lines


def novel_chapters(lines):
    """(title, chapters) of a novel given as lines."""
    title = next((line.strip() for line in lines if line.strip()), "untitled")
    chapters, current = [], []
    for line in lines:
        if re.match(r"\s*chapter\s+[\divxlc]+\.?\s*$", line, re.IGNORECASE) and current:
            chapters.append(current)
            current = []
        current.append(line)
    chapters.append(current)
    return title, [text for text in ("\n".join(chapter).strip() for chapter in chapters) if text]


# ---- scripture ----


def bible_chapters(output):
    """{book and chapter: verses} from `bible -f`, which prints "Ge1:1 In the beginning ..." lines."""
    chapters = {}
    for line in output.splitlines():
        match = re.match(r"(\d?[A-Za-z]+\d+):\d+ (.*)", line)
        if match:
            chapters.setdefault(match.group(1), []).append(match.group(2).strip())
    return {name: "\n".join(verses) for name, verses in chapters.items()}


# ---- roff ----

SPECIAL_CHARACTERS = {
    "aq": "'",
    "dq": '"',
    "lq": "“",
    "rq": "”",
    "oq": "‘",
    "cq": "’",
    "co": "©",
    "em": "—",
    "en": "–",
    "bu": "•",
    "rs": "\\",
    "ti": "~",
    "ha": "^",
    "ga": "`",
    "->": "→",
    "<-": "←",
    "mu": "×",
    "+-": "±",
    "<=": "≤",
    ">=": "≥",
    "Fo": "«",
    "Fc": "»",
    "de": "°",
    "sc": "§",
    "rg": "®",
    "tm": "™",
    "hy": "-",
    "mi": "−",
    "at": "@",
    "sh": "#",
}
ESCAPES = {"-": "-", ".": ".", "e": "\\", "\\": "\\"}
TEXT_MACROS = {
    "B",
    "I",
    "BR",
    "RB",
    "BI",
    "IB",
    "IR",
    "RI",
    "SM",
    "SB",
    "SH",
    "SS",
    "Sh",
    "Ss",
    "Nm",
    "Nd",
    "IP",
    "TP",
}
JOINED_MACROS = {"BR", "RB", "BI", "IB", "IR", "RI"}


def roff_line(text):
    """One line without roff's escapes."""
    text = re.sub(r'\\["#].*', "", text)
    text = re.sub(r"\\f(\[[^\]]*\]|\(..|.)", "", text)
    text = re.sub(r"\\s[+-]?\d+", "", text)
    text = re.sub(r"\\\[([^\]]*)\]", lambda m: SPECIAL_CHARACTERS.get(m.group(1), ""), text)
    text = re.sub(r"\\\((..)", lambda m: SPECIAL_CHARACTERS.get(m.group(1), ""), text)
    text = re.sub(r"\\\*(\[[^\]]*\]|\(..|.)", "", text)
    text = re.sub(r"\\[hvwlLD]'[^']*'", " ", text)
    text = re.sub(r"\\m\[[^\]]*\]|\\u\[\d+\]", "", text)
    text = re.sub(r"\\n(\[[^\]]*\]|\(..|.)", "", text)
    text = re.sub(r"\\[~ 0]", " ", text)
    text = re.sub(r"\\([-.e\\&,/:%^|cptd])", lambda m: ESCAPES.get(m.group(1), ""), text)
    return text.rstrip()


def roff_arguments(rest):
    return [a.replace('""', '"') for a in re.findall(r'"((?:[^"]|"")*)"|(\S+)', rest) for a in a if a]


def strip_roff(source):
    """The text of a manual page: comments, requests and font changes gone, paragraphs kept."""
    lines, ignored_until = [], None
    for line in source.splitlines():
        if ignored_until is not None:
            if line.startswith(ignored_until):
                ignored_until = None
            continue
        if not line.startswith((".", "'")):
            lines.append(roff_line(line))
            continue
        match = re.match(r"[.']\s*(\S*)\s*(.*)", line)
        name, rest = match.group(1), match.group(2)
        if name in ("de", "ig", "TS", "EQ"):
            ignored_until = {"TS": ".TE", "EQ": ".EN"}.get(name, "..")
        elif name in TEXT_MACROS:
            arguments = roff_arguments(re.sub(r'\\".*', "", rest))
            if name in ("SH", "SS", "Sh", "Ss"):
                lines += ["", roff_line(" ".join(arguments)), ""]
            elif name == "TP":
                lines.append("")
            elif name == "IP":
                lines += ["", roff_line(" ".join(arguments[:1]))]
            else:
                lines.append(roff_line(("" if name in JOINED_MACROS else " ").join(arguments)))
        elif name in ("PP", "P", "LP", "sp", "HP", "Pp"):
            lines.append("")
        elif name == "UR" or name == "MT":
            lines.append(rest.strip())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def is_alias_page(source):
    """True for pages that only include another one."""
    return any(line.startswith(".so ") for line in source.splitlines()[:30])


# ---- dictionaries (dictd) ----


def dict_number(digits):
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    value = 0
    for digit in digits:
        place = alphabet.find(digit)
        if place < 0:
            raise FormatError(f"{digit!r} is no base-64 digit")
        value = value * 64 + place
    return value


def dict_entries(index, content):
    """[(headword, text)] from a dictd index (headword, offset, length) and its text; notes on the database left out."""
    entries, seen = [], set()
    for line in index.splitlines():
        fields = line.split("\t")
        if len(fields) != 3 or fields[0].startswith("00-"):
            continue
        offset, size = dict_number(fields[1]), dict_number(fields[2])
        if offset + size > len(content):
            raise FormatError(f"entry {fields[0]!r} lies past the end")
        if offset not in seen:
            seen.add(offset)
            entries.append((fields[0], content[offset : offset + size].decode("utf-8", "replace").strip()))
    return entries


# ---- fortune files ----


def fortune_pages(source, size=8000):
    """The sayings of a fortune file ("%" lines between them) in pages of about `size` characters."""
    pages, current = [], ""
    for saying in re.split(r"^%\s*$\n?", source, flags=re.MULTILINE):
        current += saying.strip() + "\n\n"
        if len(current) >= size:
            pages.append(current.strip() + "\n")
            current = ""
    return pages + ([current.strip() + "\n"] if current.strip() else [])


# ---- formal mathematics ----


def metamath_chunks(source, size=24000):
    """A database cut between statements into pieces of about `size` characters."""
    chunks, current, length = [], [], 0
    for block in re.split(r"\n[ \t]*\n", source):
        current.append(block)
        length += len(block) + 2
        if length >= size:
            chunks.append("\n\n".join(current).strip() + "\n")
            current, length = [], 0
    if current:
        chunks.append("\n\n".join(current).strip() + "\n")
    return chunks


# ---- licence texts ----


def drop_licence_header(text):
    """Source code without the comment blocks before its first code line that speak of licences."""
    position, kept = 0, []
    block = re.compile(
        r"\s*(?:/\*.*?\*/|\(\*.*?\*\)|(?:[ \t]*(?://|#(?!include|define|if|pragma|!)|;)[^\n]*(?:\n|$))+)",
        re.DOTALL,
    )
    while position < len(text):
        match = block.match(text, position)
        if match is None or match.end() == position:
            break
        if not LICENCE.search(match.group()):
            kept.append(match.group())
        position = match.end()
    return ("".join(kept) + text[position:]).lstrip("\n")


def drop_repeated_paragraphs(documents, occurrences=4, shortest=100):
    """Documents without the paragraphs of at least `shortest` characters that `occurrences` or more of them share."""

    def key(paragraph):
        return hashlib.blake2b(re.sub(r"\s+", " ", paragraph).strip().encode(), digest_size=16).digest()

    def paragraphs(text):
        return re.split(r"\n[ \t]*\n", text)

    counts = Counter()
    for text in documents.values():
        counts.update({key(p) for p in paragraphs(text) if len(p) >= shortest})
    return {
        name: "\n\n".join(p for p in paragraphs(text) if len(p) < shortest or counts[key(p)] < occurrences)
        for name, text in documents.items()
    }
