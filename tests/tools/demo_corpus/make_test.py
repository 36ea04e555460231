"""Packages, the choice of documents and the making of the folder, without a network."""

import gzip
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, "tools/demo_corpus")

import domains  # noqa: E402
import make  # noqa: E402
import packages  # noqa: E402


def build_package(folder, name, files):
    """A small .deb with `files` {path: content}."""
    root = folder / f"{name}_root"
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN/control").write_text(
        f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b.c>\nDescription: x\n"
    )
    target = folder / f"{name}_1_all.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-b", str(root), str(target)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return target


class PackagesTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def test_only_missing_packages_are_downloaded(self):
        (self.folder / "a_1_all.deb").write_bytes(b"x")
        asked = []

        def run(names, folder):
            asked.append(names)
            for name in names:
                (folder / f"{name}_2_all.deb").write_bytes(b"y")
            return 0, ""

        files = packages.download(["a", "b"], self.folder, run=run, say=lambda _: None)
        self.assertEqual(asked, [["b"]])
        self.assertEqual(
            {name: path.name for name, path in files.items()}, {"a": "a_1_all.deb", "b": "b_2_all.deb"}
        )

    def test_a_refused_package_is_named_with_the_command_to_try(self):
        def run(names, folder):
            for name in names:
                if name != "gone":
                    (folder / f"{name}_1_all.deb").write_bytes(b"y")
            return (100, "E: Unable to locate package gone") if "gone" in names else (0, "")

        with self.assertRaisesRegex(
            packages.PackageError, "package gone .*Unable to locate.*apt-get download gone"
        ):
            packages.download(["fine", "gone"], self.folder, run=run, say=lambda _: None)

    def test_a_package_is_unpacked_once_and_again_when_its_file_changes(self):
        archive = build_package(self.folder, "p", {"usr/share/a": b"one"})
        root, digest = packages.unpack("p", archive, self.folder / "unpacked")
        self.assertEqual((root / "usr/share/a").read_bytes(), b"one")
        self.assertEqual(digest, packages.sha256_of(archive))
        (root / "usr/share/mark").write_text("kept")
        packages.unpack("p", archive, self.folder / "unpacked")
        self.assertTrue((root / "usr/share/mark").exists())
        (self.folder / "other").mkdir()
        packages.unpack(
            "p", build_package(self.folder / "other", "p", {"usr/share/a": b"two"}), self.folder / "unpacked"
        )
        self.assertEqual((root / "usr/share/a").read_bytes(), b"two")
        self.assertFalse((root / "usr/share/mark").exists())

    def test_a_damaged_package_is_named(self):
        broken = self.folder / "p_1_all.deb"
        broken.write_bytes(b"not a package")
        with self.assertRaisesRegex(packages.PackageError, "package p is damaged"):
            packages.unpack("p", broken, self.folder / "unpacked")

    def test_every_package_has_a_recorded_digest(self):
        for package, digest in packages.RECORDED.items():
            self.assertRegex(digest, "^[0-9a-f]{64}$", package)


class ChoiceTest(unittest.TestCase):
    def test_documents_fill_the_limit_and_names_are_flat_and_unique(self):
        text = "word " * 100
        chosen = domains.choose(
            [("a/b.c", text), ("a_b.c", text + "x"), ("tiny", "x"), ("c.c", text + "y")], 1100
        )
        self.assertEqual(list(chosen), ["a_b.c", "x_a_b.c"])

    def test_manual_pages_lose_their_markup_and_aliases(self):
        with tempfile.TemporaryDirectory() as folder:
            man = Path(folder) / "usr/share/man/de/man1"
            man.mkdir(parents=True)
            (man / "cp.1.gz").write_bytes(gzip.compress(b".SH NAME\ncp \\- x\n"))
            (man / "alias.1.gz").write_bytes(gzip.compress(b".so man1/cp.1\n"))
            self.assertEqual(
                list(domains.manual_pages([Path(folder)], "de")), [("cp.1.txt", "NAME\n\ncp - x\n")]
            )

    def test_there_are_fourteen_domains(self):
        self.assertEqual(len(domains.DOMAINS), 14)


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
