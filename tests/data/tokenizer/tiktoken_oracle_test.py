"""Our tokenizer gives tiktoken's ids, one by one, over Qwen's ranks.

The oracle's input is the document decoded as UTF-8 with replacement, then NFC. Three Unicode versions meet (ICU's,
Python's and tiktoken's): code points that one of them does not know are listed and left out.

GROUTER_ORACLE_CORPUS names corpus folders (corpus.json) whose every document is compared too.
"""

import base64
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import unicodedata
import unittest

BINARY = "tests/data/tokenizer/encode_documents"
RANK_FILE = os.path.join(os.environ.get("GROUTER_DEPS", ""), "share", "qwen.tiktoken")
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
    r"\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
MEGABYTE = 1_000_000

try:
    import tiktoken
except ImportError:
    tiktoken = None


def assigned_everywhere():
    """Code points of Unicode 14 (Python 3.11's data): ICU's and tiktoken's versions are newer and know them too."""
    known = [c for c in range(0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs")]
    unknown = 0x110000 - 0x800 - len(known)
    print(
        f"Unicode {unicodedata.unidata_version}: {unknown} code points unassigned there are left out",
        file=sys.stderr,
    )
    return known


def difficult_documents():
    """Every known code point, every special case that we could think of, random mixtures, 1 MB lines."""
    draw = random.Random(20261123)
    known = assigned_everywhere()
    documents = [b"", b" ", b"\n", b"\r\n", b"'", b"''s", "\ufeffbom".encode(), b"\0\0\1"]
    for begin in range(0, len(known), 4096):
        documents.append("".join(map(chr, known[begin : begin + 4096])).encode())
        documents.append("".join(f"a{chr(c)}b {chr(c)}1 " for c in known[begin : begin + 4096 : 7]).encode())
    words = [
        "it's",
        "WE'LL",
        "o'\u017fx",
        "'Re",
        "don't",
        "x'd",
        "naive\u0308",
        "e\u0301",
        "\u1100\u1161\u11a8",
        "\u212b",
    ]
    words += [
        " ",
        "  ",
        "\t",
        "\n",
        "\r\n",
        "\n\n \n",
        "\u00a0",
        "\u3000",
        "\u2028",
        "\u0085",
        "\u180e",
        "\u200b",
    ]
    words += [
        "0",
        "42",
        "1234567890",
        "\u00bd",
        "\u0663",
        "\u2163",
        "\U0001d7d8",
        "!",
        "...",
        "({[",
        "--",
        "=>",
        "\u2014",
    ]
    words += [
        "\u4e2d\u6587",
        "\u65e5\u672c\u8a9e\u306e",
        "\u043f\u0440\u0438\u0432\u0435\u0442",
        "\u0939\u093f\u0928\u094d",
    ]
    words += [
        "\U0001f600",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\ufffd",
        "the",
        " of",
        "Token",
        "izer",
        "_x",
    ]
    words += list(SPECIAL) + ["<|end", "oftext|>", "<|", "|>"]
    for _ in range(1500):
        documents.append("".join(draw.choices(words, k=draw.randrange(1, 60))).encode())
    for _ in range(500):
        documents.append("".join(chr(draw.choice(known)) for _ in range(draw.randrange(1, 80))).encode())
    for _ in range(500):
        text = bytearray("".join(draw.choices(words, k=20)).encode())
        for _ in range(draw.randrange(1, 6)):
            text[draw.randrange(len(text))] = draw.randrange(256)
        documents.append(bytes(text))
    documents += [bytes(draw.randrange(256) for _ in range(draw.randrange(1, 200))) for _ in range(500)]
    documents += [
        bytes([lead, second]) + b"\x80\x80a"
        for lead in range(0x80, 256)
        for second in (0x7F, 0x80, 0x90, 0xBF)
    ]
    letters = "abcdefghijklmnopqrstuvwxyz"
    documents.append("".join(draw.choices(letters, k=MEGABYTE)).encode())
    documents.append(b"ab" * (MEGABYTE // 2))
    documents.append(b"-" * MEGABYTE)
    documents.append("".join(draw.choices("\u4e2d\u6587\u5b57\u7684\u4e00", k=MEGABYTE // 3)).encode())
    documents.append(
        " ".join("".join(draw.choices(letters, k=draw.randrange(1, 12))) for _ in range(150_000)).encode()
    )
    return documents


def canonical(document):
    return unicodedata.normalize("NFC", document.decode("utf-8", "replace"))


def without_unassigned(documents):
    """The documents without code points that Python's Unicode version does not know; those are listed."""
    kept, unknown = [], set()
    for document in documents:
        text = document.decode("utf-8", "replace")
        strange = {c for c in set(text) if unicodedata.category(c) == "Cn"}
        unknown |= strange
        kept.append("".join(c for c in text if c not in strange).encode() if strange else document)
    if unknown:
        print("left out:", " ".join(f"U+{ord(c):04X}" for c in sorted(unknown)), file=sys.stderr)
    return kept


def read_ranks(path):
    with open(path, "rb") as lines:
        return {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in lines)}


def encode_ours(documents, vocab_size=0, special=False):
    with tempfile.TemporaryDirectory() as folder:
        source, target = os.path.join(folder, "documents"), os.path.join(folder, "ids")
        with open(source, "wb") as out:
            for document in documents:
                out.write(struct.pack("<Q", len(document)) + document)
        mode = "special" if special else "text"
        subprocess.run(
            [BINARY, RANK_FILE, str(vocab_size), mode, source, target], check=True, stdout=sys.stderr
        )
        with open(target, "rb") as file:
            data = file.read()
    ids, at = [], 0
    while at < len(data):
        (count,) = struct.unpack_from("<Q", data, at)
        ids.append(list(struct.unpack_from(f"<{count}I", data, at + 8)))
        at += 8 + 4 * count
    return ids


@unittest.skipIf(tiktoken is None, "tiktoken is not installed in the environment that set-up makes")
@unittest.skipUnless(
    os.path.isfile(RANK_FILE), "Qwen's rank file is not there: set-up puts it in share/qwen.tiktoken"
)
class TiktokenOracle(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ranks = read_ranks(RANK_FILE)

    def oracle(self, num_ranks):
        ranks = {token: rank for token, rank in self.ranks.items() if rank < num_ranks}
        special = {name: num_ranks + i for i, name in enumerate(SPECIAL)}
        return tiktoken.Encoding("qwen", pat_str=SPLIT, mergeable_ranks=ranks, special_tokens=special)

    def compare(self, documents, encoding, ours, encode):
        self.assertEqual(len(documents), len(ours))
        tokens = 0
        for document, ids in zip(documents, ours):
            expected = encode(encoding, canonical(document))
            tokens += len(expected)
            if ids != expected:
                at = next(
                    (i for i, (a, b) in enumerate(zip(ids, expected)) if a != b), min(len(ids), len(expected))
                )
                self.fail(
                    f"token {at} of {document[:200]!r}: {ids[at : at + 5]}, tiktoken {expected[at : at + 5]}"
                )
        print(f"{len(documents)} documents, {tokens} tokens equal", file=sys.stderr)

    def test_equals_tiktoken_on_difficult_documents(self):
        documents = difficult_documents()
        ours = encode_ours(documents)
        self.compare(documents, self.oracle(len(self.ranks)), ours, lambda e, text: e.encode_ordinary(text))

    def test_equals_tiktoken_with_special_tokens_allowed(self):
        documents = [d for d in difficult_documents() if len(d) < 10_000]
        ours = encode_ours(documents, special=True)
        encode = lambda e, text: e.encode(text, allowed_special="all")  # noqa: E731
        self.compare(documents, self.oracle(len(self.ranks)), ours, encode)

    def test_equals_tiktoken_with_cut_ranks(self):
        documents = [d for d in difficult_documents() if len(d) < 10_000]
        for vocab_size in (256 + len(SPECIAL), 1000, 8192):
            with self.subTest(vocab_size=vocab_size):
                ours = encode_ours(documents, vocab_size)
                encoding = self.oracle(vocab_size - len(SPECIAL))
                self.compare(documents, encoding, ours, lambda e, text: e.encode_ordinary(text))

    def test_equals_tiktoken_on_every_document_of_the_named_corpora(self):
        folders = [folder for folder in os.environ.get("GROUTER_ORACLE_CORPUS", "").split(":") if folder]
        if not folders:
            folders = self.standard_library_corpus()
        for folder in folders:
            with self.subTest(folder=folder):
                documents = without_unassigned(folder if isinstance(folder, list) else read_corpus(folder))
                ours = encode_ours(documents)
                self.compare(
                    documents, self.oracle(len(self.ranks)), ours, lambda e, text: e.encode_ordinary(text)
                )

    def standard_library_corpus(self):
        """Without a named corpus: the sources of the Python that runs this."""
        folder = os.path.dirname(os.__file__)
        paths = sorted(p for p in os.listdir(folder) if p.endswith(".py"))
        documents = []
        for path in paths:
            with open(os.path.join(folder, path), "rb") as file:
                documents.append(file.read())
        return [documents]


def read_corpus(folder):
    with open(os.path.join(folder, "corpus.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    with open(os.path.join(folder, "documents.bin"), "rb") as file:
        data = file.read()
    return [data[d["offset"] : d["offset"] + d["bytes"]] for d in manifest["documents"]]


if __name__ == "__main__":
    unittest.main()
