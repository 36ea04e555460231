"""Tokenizing: tokens a second on one core, against Hugging Face's tokenizers and tiktoken on the same documents.

The corpus is GROUTER_BENCH_CORPUS (a folder with corpus.json) or, without it, text files of this machine.
"""

import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unicodedata
import zlib

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]
import hugging_face  # noqa: E402
import numpy  # noqa: E402
import rows  # noqa: E402
import tiktoken  # noqa: E402
import tokenizers  # noqa: E402

RANK_FILE = os.path.join(rows.environment(), "share", "qwen.tiktoken")
CORPUS = os.environ.get("GROUTER_BENCH_CORPUS")
FILES = {
    "python": "/usr/lib/python3*/**/*.py",
    "c": "/usr/include/**/*.h",
    "texts": "/usr/share/doc/*/copyright",
    "perl": "/usr/share/perl/**/*.p[lm]",
}
BYTES_PER_DOMAIN = {True: 1_000_000, False: 4_000_000}  # by --quick


def read_documents(folder):
    with open(os.path.join(folder, "corpus.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    with open(os.path.join(folder, "documents.bin"), "rb") as file:
        data = file.read()
    return [data[d["offset"] : d["offset"] + d["bytes"]] for d in manifest["documents"]]


def make_corpus(collect, folder, bytes_per_domain):
    """A corpus artefact in `folder`/corpus: of CORPUS's documents, or of files of this machine."""
    if CORPUS:
        with open(os.path.join(CORPUS, "corpus.json"), encoding="utf-8") as file:
            manifest = json.load(file)
        named = [
            (manifest["domains"][d["domain"]], text)
            for d, text in zip(manifest["documents"], read_documents(CORPUS))
        ]
    else:
        named = []
        for domain, pattern in FILES.items():
            for path in sorted(glob.glob(pattern, recursive=True)):
                if os.path.isfile(path):
                    with open(path, "rb") as file:
                        named.append((domain, file.read()))
    taken = {}
    for number, (domain, text) in enumerate(named):
        taken[domain] = taken.get(domain, 0) + len(text)
        if taken[domain] - len(text) > bytes_per_domain:
            continue
        place = os.path.join(folder, "files", domain)
        os.makedirs(place, exist_ok=True)
        with open(os.path.join(place, f"{number:07d}"), "wb") as out:
            out.write(text)
    corpus = os.path.join(folder, "corpus")
    subprocess.run([collect, os.path.join(folder, "files"), corpus, str(bytes_per_domain)], check=True)
    shutil.rmtree(os.path.join(folder, "files"))
    return corpus


class Sides:
    """Ours and the peers over the same documents; each returns tokens a second and keeps its ids' checksum."""

    def __init__(self, binary, corpus):
        self.binary, self.corpus = binary, corpus
        ranks = hugging_face.read_ranks(RANK_FILE)
        self.hugging_face = tokenizers.Tokenizer.from_str(hugging_face.tokenizer_json(ranks))
        self.tiktoken = tiktoken.Encoding(
            "qwen", pat_str=hugging_face.SPLIT, mergeable_ranks=ranks, special_tokens={}
        )
        self.texts = [document.decode("utf-8", "replace") for document in read_documents(corpus)]
        self.copying = []
        self.checksums = {}

    def note(self, side, ids):
        ids = numpy.asarray(ids, dtype=numpy.uint32)
        self.checksums[side] = (len(ids), zlib.crc32(ids.tobytes()))
        return len(ids)

    def run_ours(self, _):
        with tempfile.TemporaryDirectory() as folder:
            ids = os.path.join(folder, "ids")
            printed = subprocess.run(
                [self.binary, RANK_FILE, "0", self.corpus, "1", ids], check=True, stdout=subprocess.PIPE
            ).stdout
            result = json.loads(printed)
            tokens = self.note("ours", numpy.fromfile(ids, dtype=numpy.uint32))
        self.copying.append(tokens / result["copy_seconds"][0])
        return tokens / result["seconds"][0]

    def run_hugging_face(self, _):
        seconds, encoded = rows.timed(
            lambda: self.hugging_face.encode_batch_fast(self.texts, add_special_tokens=False)
        )
        return self.note("HF tokenizers", [id for encoding in encoded for id in encoding.ids]) / seconds

    def run_tiktoken(self, _):
        def work():
            return [self.tiktoken.encode_ordinary(unicodedata.normalize("NFC", text)) for text in self.texts]

        seconds, encoded = rows.timed(work)
        return self.note("tiktoken", [id for ids in encoded for id in ids]) / seconds

    def verify(self):
        if len(set(self.checksums.values())) != 1:
            raise SystemExit(f"the ids differ, nothing is measured: (tokens, CRC-32) {self.checksums}")


def main():
    area = rows.Area("data", __doc__)
    folder = rows.build("//tests/bench/data:collect", "//tests/bench/data:tokenize_rate")
    binaries = os.path.join(folder, "tests", "bench", "data")
    with tempfile.TemporaryDirectory() as work:
        corpus = make_corpus(os.path.join(binaries, "collect"), work, BYTES_PER_DOMAIN[area.quick])
        sides = Sides(os.path.join(binaries, "tokenize_rate"), corpus)
        rows.pin()
        calls = (sides.run_ours, sides.run_hugging_face, sides.run_tiktoken)
        rows.interleaved(1, *calls)
        sides.verify()
        sides.copying.clear()
        ours, theirs, other = rows.interleaved(2 if area.quick else 5, *calls)
        sides.verify()
        common = {"limit": sides.copying, "limit_name": "copying the text"}
        row = ("tokenize_rate", "corpus 1 thread", "tokens/s", "higher", ours)
        area.add(*row, peer=theirs, peer_name="HF tokenizers", bar=rows.Bar("peer", 3), **common)
        area.add(*row, peer=other, peer_name="tiktoken", **common)
    return area.finish()


if __name__ == "__main__":
    sys.exit(main())
