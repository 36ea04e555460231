import os
import unittest

from tests.setup.scripts import ScriptTest


class Platform(ScriptTest):
    def require(self, text, machine="x86_64"):
        path = self.folder / "os-release"
        path.write_text(text)
        return self.bash(f"require_platform {path} {machine}")

    def test_debian_12_on_x86_64_is_accepted(self):
        done = self.require('PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n')
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_another_distribution_is_refused_by_its_name(self):
        done = self.require('PRETTY_NAME="Ubuntu 24.04 LTS"\nVERSION_ID="24.04"\nID=ubuntu\nID_LIKE=debian\n')
        self.assertEqual(done.returncode, 2)
        self.assertIn("Ubuntu 24.04 LTS is not Debian 12", done.stderr)
        self.assertIn("docker run", done.stderr)

    def test_another_release_of_debian_is_refused(self):
        self.assertEqual(self.require('VERSION_ID="13"\nID=debian\n').returncode, 2)

    def test_another_processor_is_refused(self):
        done = self.require('VERSION_ID="12"\nID=debian\n', "aarch64")
        self.assertEqual(done.returncode, 2)
        self.assertIn("a aarch64 processor", done.stderr)

    def test_a_system_that_does_not_say_what_it_is_is_refused(self):
        self.assertEqual(self.bash("require_platform /nowhere/os-release x86_64").returncode, 2)


class Space(ScriptTest):
    def test_enough_space_and_inodes_pass_in_silence(self):
        done = self.bash(f"require_space {self.folder} 1 1 building")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_too_little_space_names_the_need_and_what_is_free(self):
        done = self.bash(f"require_space {self.folder} 999999999 1 building")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"building needs 999999999 MB under .*, and \d+ MB are free")
        self.assertIn("XDG_CACHE_HOME", done.stderr)

    def test_too_few_inodes_are_refused(self):
        self.program("df", "echo Avail IFree; echo 5000M 12")
        done = self.bash(f"require_space {self.folder} 1 1000 building")
        self.assertEqual(done.returncode, 2)
        self.assertIn("building needs 1000 inodes", done.stderr)

    def test_a_file_system_without_a_count_of_inodes_passes(self):
        self.program("df", "echo Avail IFree; echo 5000M 0")
        self.assertEqual(self.bash(f"require_space {self.folder} 1 1000 building").returncode, 0)

    def test_a_folder_that_is_not_there_yet_is_judged_by_its_parent(self):
        self.assertEqual(self.bash(f"require_space {self.folder}/a/b/c 1 1 building").returncode, 0)


class Pruning(ScriptTest):
    def fill(self, ages):
        cache = self.folder / "cache"
        cache.mkdir()
        for name, age in ages.items():
            path = cache / name
            path.write_bytes(os.urandom(1 << 20))
            os.utime(path, (1_000_000_000 - age, 1_000_000_000 - age))
        return cache

    def test_a_small_folder_keeps_all(self):
        cache = self.fill({"a": 3, "b": 2})
        done = self.bash(f"prune_folder {cache} 4")
        self.assertEqual((done.returncode, done.stdout, len(list(cache.iterdir()))), (0, "", 2))

    def test_above_the_limit_the_files_used_longest_ago_go(self):
        cache = self.fill({"old one": 9, "older": 10, "new": 1, "newer": 0})
        done = self.bash(f"prune_folder {cache} 3")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(path.name for path in cache.iterdir()), ["new", "newer"])

    def test_a_folder_that_is_not_there_is_no_error(self):
        self.assertEqual(self.bash(f"prune_folder {self.folder}/none 3").returncode, 0)

    def test_build_results_go_when_their_checkout_is_gone(self):
        for name, checkout in (("one", self.folder), ("two", self.folder / "gone")):
            (self.folder / "build" / name).mkdir(parents=True)
            (self.folder / "build" / name / "checkout").write_text(f"{checkout}\n")
        done = self.bash(f"prune_builds {self.folder}/build")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([path.name for path in (self.folder / "build").iterdir()], ["one"])


if __name__ == "__main__":
    unittest.main()
