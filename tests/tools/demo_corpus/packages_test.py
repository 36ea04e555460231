"""Packages are fetched, unpacked and checked, without a network."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, "tools/demo_corpus")

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

    def test_a_package_that_apt_get_leaves_out_is_named(self):
        with self.assertRaisesRegex(packages.PackageError, "package a was not downloaded"):
            packages.download(["a"], self.folder, run=lambda *_: (0, ""), say=lambda _: None)

    def test_the_newest_of_several_files_is_taken(self):
        for age, version in ((20, "2"), (10, "10"), (30, "1")):
            path = self.folder / f"a_{version}_all.deb"
            path.write_bytes(b"x")
            os.utime(path, (1000 - age, 1000 - age))
        (self.folder / "a-doc_3_all.deb").write_bytes(b"x")
        self.assertEqual(packages.newest(self.folder, "a").name, "a_10_all.deb")
        self.assertIsNone(packages.newest(self.folder, "b"))

    def test_every_package_has_a_recorded_digest(self):
        for package, digest in packages.RECORDED.items():
            self.assertRegex(digest, "^[0-9a-f]{64}$", package)


class FetchTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.folder / "packages").mkdir()
        self.archive = build_package(self.folder / "packages", "p", {"usr/share/a": b"one"})
        self.said = []

    def fetch(self, recorded):
        with mock.patch.object(packages, "RECORDED", {"p": recorded}):
            return packages.fetch(self.folder, say=self.said.append)

    def test_packages_that_lie_there_are_unpacked_and_described(self):
        digest = packages.sha256_of(self.archive)
        roots, inputs = self.fetch(digest)
        self.assertEqual((roots["p"] / "usr/share/a").read_bytes(), b"one")
        size = self.archive.stat().st_size
        self.assertEqual(inputs, [{"package": "p", "file": "p_1_all.deb", "bytes": size, "sha256": digest}])
        self.assertEqual(self.said, [])

    def test_another_version_than_the_recorded_one_is_a_warning(self):
        roots, _ = self.fetch("0" * 64)
        self.assertEqual((roots["p"] / "usr/share/a").read_bytes(), b"one")
        (warning,) = self.said
        self.assertRegex(warning, "warning: p_1_all.deb is not the version this was last tried with")


if __name__ == "__main__":
    unittest.main()
