import os
import shutil
import subprocess
import unittest

from tests.setup.scripts import ScriptTest


class Check(ScriptTest):
    def run_check(self, *arguments, **variables):
        tree = self.folder / "tree"
        shutil.copytree("third_party", tree / "third_party")
        shutil.copy("check", tree / "check")
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **variables}
        return subprocess.run(
            [tree / "check", *arguments], env=environment, capture_output=True, text=True, check=False
        )

    def test_an_unknown_argument_is_wrong_usage_and_does_nothing(self):
        done = self.run_check("--quick")
        self.assertEqual(done.returncode, 2)
        self.assertIn("usage: ./check [--fast | --long] [--no-cuda]", done.stderr)
        self.assertEqual(done.stdout, "")

    def test_help_names_every_argument(self):
        done = self.run_check("--help")
        self.assertEqual(done.returncode, 0)
        for argument in ("--fast", "--long", "--no-cuda"):
            self.assertIn(argument, done.stdout)

    def test_a_refused_machine_ends_with_the_count_and_the_status_of_set_up(self):
        release = self.folder / "os-release"
        release.write_text('ID=alpine\nVERSION_ID=3.22\nPRETTY_NAME="Alpine Linux v3.22"\n')
        done = self.run_check(GROUTER_OS_RELEASE=str(release))
        self.assertEqual(done.returncode, 2)
        self.assertIn("Alpine Linux v3.22 is not Debian 12", done.stderr)
        self.assertEqual(done.stdout.splitlines()[-1], "0 passed, 1 failed, 0 skipped")


if __name__ == "__main__":
    unittest.main()
