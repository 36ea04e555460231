"""The making of the folder, from made-up packages and domains."""

import json
import os
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, "tools/demo_corpus")

import domains  # noqa: E402
import make  # noqa: E402
import packages  # noqa: E402


class MakeTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.inputs = [{"package": "p", "file": "p_1.deb", "bytes": 1, "sha256": "0" * 64}]
        self.enterContext(mock.patch.object(packages, "fetch", lambda *a, **k: ({}, self.inputs)))
        self.made = 0
        self.enterContext(
            mock.patch.object(domains, "DOMAINS", {"one": self.documents, "two": self.documents})
        )
        self.enterContext(mock.patch.object(make, "say", lambda _: None))

    def documents(self, _):
        self.made += 1
        yield "a.txt", "text " * 100

    def test_the_folder_and_its_manifest_appear_together(self):
        manifest = make.make(self.folder / "cache", self.folder / "out", quick=True)
        self.assertEqual((self.folder / "out/text/one/a.txt").read_text(), "text " * 100)
        self.assertEqual(json.loads((self.folder / "out/manifest.json").read_text()), manifest)
        self.assertEqual([d["documents"] for d in manifest["domains"]], [1, 1])
        self.assertEqual(os.listdir(self.folder), ["out"])

    def test_nothing_is_made_again_unless_an_input_or_the_size_changes(self):
        make.make(self.folder / "cache", self.folder / "out", quick=True)
        make.make(self.folder / "cache", self.folder / "out", quick=True)
        self.assertEqual(self.made, 2)
        self.inputs[0]["sha256"] = "1" * 64
        make.make(self.folder / "cache", self.folder / "out", quick=True)
        self.assertEqual(self.made, 4)
        make.make(self.folder / "cache", self.folder / "out", quick=False)
        self.assertEqual(self.made, 6)

    def test_a_failure_leaves_no_half_made_folder(self):
        def failing(_):
            yield "a.txt", "text " * 100
            raise OSError(28, "No space left on device")

        with mock.patch.object(domains, "DOMAINS", {"one": failing}):
            with self.assertRaises(OSError):
                make.make(self.folder / "cache", self.folder / "out", quick=True)
        self.assertEqual(os.listdir(self.folder), [])


if __name__ == "__main__":
    unittest.main()
