"""Files embedded as C++ constants keep their bytes."""

import ast
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CONSTANT = re.compile(r"inline constexpr absl::string_view (\w+)\(\n(.*?),\n    (\d+)\);", re.DOTALL)
MOST_LITERAL_BYTES = 8000


class EmbedTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def embed(self, **contents):
        """The header made of files with these contents."""
        arguments = []
        for name, content in contents.items():
            (self.folder / name).write_bytes(content)
            arguments.append(f"{name}={self.folder / name}")
        out = self.folder / "out.h"
        subprocess.run([sys.executable, "tools/report/embed.py", str(out), *arguments], check=True)
        return out.read_text("ascii")

    def constants(self, header):
        """{name: (bytes of the constant's literals, stated length)}; Python reads these literals as C++ does."""
        found = {}
        for name, literals, length in CONSTANT.findall(header):
            pieces = [ast.literal_eval("b" + line.strip()) for line in literals.splitlines()]
            self.assertTrue(all(len(piece) <= MOST_LITERAL_BYTES for piece in pieces))
            found[name] = b"".join(pieces), int(length)
        return found

    def test_every_byte_comes_back_with_its_length(self):
        content = bytes(range(256)) + b'\x001 "quoted" \\n ??/ \r\n' + "grün".encode()
        self.assertEqual(self.constants(self.embed(kAll=content)), {"kAll": (content, len(content))})

    def test_several_files_are_several_constants_in_one_namespace(self):
        header = self.embed(kOne=b"1\n", kTwo=b"22\n")
        self.assertEqual(self.constants(header), {"kOne": (b"1\n", 2), "kTwo": (b"22\n", 3)})
        self.assertTrue(header.startswith('#pragma once\n\n#include "absl/strings/string_view.h"\n'))
        self.assertLess(header.index("namespace grouter {"), header.index("kOne"))
        self.assertTrue(header.endswith("}  // namespace grouter\n"))

    def test_a_long_file_is_cut_into_literals_that_compilers_take(self):
        content = b"".join(b"%d\n" % i for i in range(5000))
        header = self.embed(kLong=content)
        self.assertEqual(self.constants(header)["kLong"], (content, len(content)))
        self.assertEqual(header.count('    "'), -(-len(content) // MOST_LITERAL_BYTES))

    def test_an_empty_file_is_an_empty_constant(self):
        self.assertEqual(self.constants(self.embed(kNone=b"")), {"kNone": (b"", 0)})

    def test_no_trigraph_is_left(self):
        self.assertNotIn("?", self.embed(kMarks=b"??=??/"))

    def test_a_missing_file_is_an_error(self):
        done = subprocess.run(
            [
                sys.executable,
                "tools/report/embed.py",
                str(self.folder / "out.h"),
                f"kGone={self.folder}/gone",
            ],
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("gone", done.stderr)
        self.assertFalse((self.folder / "out.h").exists())


if __name__ == "__main__":
    unittest.main()
