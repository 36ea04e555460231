"""The sample index's bytes, written from its description alone (data/sample_index_format.h): the golden file.

Run with --write to make tests/golden/sample_index_v1.bin anew, for a new format version only.
"""

import hashlib
import struct
import sys
import unittest

GOLDEN = "tests/golden/sample_index_v1.bin"
NO_LABEL = 2**64 - 1


def string(text):
    return struct.pack("<I", len(text)) + text


def example():
    """Two domains, two splits, one sample each; the second lies far beyond 2^32."""
    header = hashlib.sha256(b"tokenizer").digest() + hashlib.sha256(b"dataset").digest()
    header += struct.pack("<BIQqBBB", 0, 8, 42, 9, 0, 0, 1)  # packing, length, seed, eod, three flags
    header += struct.pack("<QQQ", 13, 2, 3)  # tokens, samples, ranges
    header += struct.pack("<I", 2) + string(b"a") + string(b"bc")
    header += struct.pack("<I", 2)
    header += string(b"train") + struct.pack("<QQQQ", 0, 1, 8, 7)
    header += string(b"valid") + struct.pack("<QQQQ", 1, 1, 5, 5)
    records = struct.pack("<QIIIIIIQQ", 0, 2, 8, 7, 1, 0x12345678, 0, 1, 5)
    records += struct.pack("<QIIIIIIQQ", 2, 1, 5, 5, 0, 0xCAFEF00D, 0, NO_LABEL, 0)
    ranges = (
        struct.pack("<QQQ", 0, 0, 3) + struct.pack("<QQQ", 1, 0, 5) + struct.pack("<QQQ", 2**40, 2**50, 5)
    )
    digest = hashlib.sha256(b"grouter sample index 1" + header + records + ranges).digest()
    header = digest + header
    prefix = 8 + 4 + 4 + 8 + 8
    padding = bytes(-(prefix + len(header)) % 8)
    body = header + padding + records + ranges
    return b"GRSINDEX" + struct.pack("<IIQQ", 1, 0, prefix + len(body), len(header)) + body


class Golden(unittest.TestCase):
    def test_the_golden_file_is_what_the_description_says(self):
        with open(GOLDEN, "rb") as file:
            self.assertEqual(file.read(), example())


if __name__ == "__main__":
    if "--write" in sys.argv:
        with open(GOLDEN, "wb") as out:
            out.write(example())
    else:
        unittest.main()
